import Glibc

/// Why a socket could not be had.
package enum SocketFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The path does not fit a socket address.
    case pathTooLong(path: String)
    /// Something that is not a socket has the path; it is left alone.
    case pathTaken(path: String)
    /// A system call failed with this errno.
    case callFailed(call: String, path: String, errno: Int32)

    package var description: String {
        switch self {
        case .pathTooLong(let path):
            "the socket path \(path) has \(path.utf8.count) bytes, where "
                + "\(Link.socketPathLimitBytes) are allowed"
        case .pathTaken(let path):
            "\(path) exists and is not a socket"
        case .callFailed(let call, let path, let errno):
            "\(call) for \(path): \(String(cString: strerror(errno)))"
        }
    }
}

/// The calls on Unix stream sockets that both ends need. Every descriptor is non-blocking and
/// closed on exec.
package enum UnixSocket {
    /// Connects to a listening socket. It never waits: a listener whose queue is full is a failure.
    ///
    /// - Parameter path: The listener's path.
    /// - Returns: The connection, the caller's to close.
    /// - Throws: Why there is none; nothing is left open then.
    package static func connect(to path: String) throws(SocketFault) -> Int32 {
        let descriptor = try open(path)
        guard withAddress(of: path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            throw closing(descriptor, "connect", path)
        }
        return descriptor
    }

    /// Listens, in place of a socket that a predecessor left behind.
    ///
    /// Everybody may connect, since the agent's image may run as a user that is not this one's, unless
    /// the predecessor's was closed to others.
    ///
    /// - Parameter path: The path to listen at.
    /// - Returns: The listener, the caller's to close.
    /// - Throws: Why there is none; nothing is left open then.
    package static func listen(at path: String) throws(SocketFault) -> Int32 {
        let descriptor = try open(path)
        let mode = try removeSocket(at: path) ?? 0o666
        guard withAddress(of: path, { Glibc.bind(descriptor, $0, $1) }) == 0 else {
            throw closing(descriptor, "bind", path)
        }
        guard chmod(path, mode) == 0 else { throw closing(descriptor, "chmod", path) }
        guard Glibc.listen(descriptor, waitingClients) == 0 else {
            throw closing(descriptor, "listen", path)
        }
        return descriptor
    }

    /// Lets nobody connect any more but this process's own user, and root. The next one that listens
    /// at this path keeps it so.
    ///
    /// - Parameter path: The listener's path.
    package static func closeToOthers(_ path: String) {
        _ = chmod(path, ownOnly)
    }

    /// Whether a client is root.
    ///
    /// - Parameter descriptor: The connection.
    package static func isRoot(_ descriptor: Int32) -> Bool {
        // struct ucred of unix(7), which Swift's Glibc module leaves out: process, user, group.
        var peer: (pid: Int32, user: UInt32, group: UInt32) = (0, .max, .max)
        var size = socklen_t(MemoryLayout.size(ofValue: peer))
        let result = getsockopt(descriptor, SOL_SOCKET, peerCredentials, &peer, &size)
        return result == 0 && peer.user == 0
    }

    /// SO_PEERCRED (asm-generic/socket.h).
    private static let peerCredentials: Int32 = 17

    private static let ownOnly: mode_t = 0o600

    /// Takes the next client that waits.
    ///
    /// - Parameter listener: A listener that has something to read.
    /// - Returns: The connection, the caller's to close, or the errno of the failed call.
    package static func accept(_ listener: Int32) -> Result<Int32, SocketFault> {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else {
            return .failure(.callFailed(call: "accept", path: "", errno: errno))
        }
        Descriptor.makeNonBlocking(descriptor)
        Descriptor.closeOnExec(descriptor)
        return .success(descriptor)
    }

    /// One launcher, and room for a stranger or two beside it.
    private static let waitingClients: Int32 = 8

    private static func open(_ path: String) throws(SocketFault) -> Int32 {
        guard path.utf8.count <= Link.socketPathLimitBytes else { throw .pathTooLong(path: path) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else {
            throw .callFailed(call: "socket", path: path, errno: errno)
        }
        Descriptor.makeNonBlocking(descriptor)
        Descriptor.closeOnExec(descriptor)
        return descriptor
    }

    /// - Returns: The rights of one that was closed to others; nil for any other, and where none was.
    private static func removeSocket(at path: String) throws(SocketFault) -> mode_t? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .pathTaken(path: path) }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .callFailed(call: "unlink", path: path, errno: errno)
        }
        return status.st_mode & 0o777 == ownOnly ? ownOnly : nil
    }

    private static func closing(
        _ descriptor: Int32,
        _ call: String,
        _ path: String
    ) -> SocketFault {
        let fault = SocketFault.callFailed(call: call, path: path, errno: errno)
        close(descriptor)
        return fault
    }

    private static func withAddress(
        of path: String,
        _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
