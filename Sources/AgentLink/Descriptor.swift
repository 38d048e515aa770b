import Glibc

/// What is done to a file descriptor on both ends of the link.
package enum Descriptor {
    /// What a read brought.
    package enum ReadResult: Sendable, Equatable {
        /// This many bytes, at least one.
        case bytes(Int)
        /// Nothing now.
        case nothingYet
        /// Nothing ever again: the other end is closed or the descriptor is broken.
        case over
    }

    /// Makes reads and writes return at once.
    package static func makeNonBlocking(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// Keeps a descriptor out of programs that are started later.
    package static func closeOnExec(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// Reads once, again after an interruption.
    package static func read(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> ReadResult {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .over }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .nothingYet
            default: return .over
            }
        }
    }

    /// Sends what the socket takes now.
    ///
    /// - Parameters:
    ///   - descriptor: A non-blocking socket.
    ///   - bytes: What is to be sent; what was sent is removed from the front.
    /// - Returns: False when the connection is gone.
    package static func send(_ descriptor: Int32, _ bytes: inout [UInt8]) -> Bool {
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                bytes.removeFirst(count)
            } else if errno != EINTR {
                return errno == EAGAIN
            }
        }
        return true
    }
}

/// Wakes a thread that sleeps in poll(2), from any other thread.
package struct Wakeup: Sendable {
    /// Readable when the thread is to wake up; for poll(2).
    package let descriptor: Int32
    private let writer: Int32

    /// - Returns: nil when no descriptors are left.
    package init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            Descriptor.makeNonBlocking(end)
            Descriptor.closeOnExec(end)
        }
        (descriptor, writer) = (ends[0], ends[1])
    }

    /// Wakes the thread. A full pipe is as good: the thread has not looked yet.
    package func ring() {
        var byte: UInt8 = 0
        _ = write(writer, &byte, 1)
    }

    /// Makes the next poll sleep again. To be called before looking for what the ring was about.
    package func silence() {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
            while case .bytes = Descriptor.read(descriptor, into: buffer) {}
        }
    }

    /// Gives the descriptors back. Nobody may ring any more.
    package func close() {
        _ = Glibc.close(descriptor)
        _ = Glibc.close(writer)
    }
}
