import Glibc

/// The program could not be started.
struct SpawnError: Error, CustomStringConvertible {
    var description: String
}

/// Two steps between fork and exec that glibc has (2.29, 2.34) but shows to C only with
/// `_GNU_SOURCE`, which Swift's `Glibc` module is not built with; so they are looked up by name.
enum SpawnActions {
    private typealias Actions = UnsafeMutablePointer<posix_spawn_file_actions_t>
    private typealias ChangeDirectory = @convention(c) (Actions, UnsafePointer<CChar>) -> Int32
    private typealias CloseFrom = @convention(c) (Actions, Int32) -> Int32

    /// The child works in `path`.
    static func changeDirectory(
        _ actions: inout posix_spawn_file_actions_t,
        to path: String
    ) throws(SpawnError) {
        let function = try find("posix_spawn_file_actions_addchdir_np")
        _ = unsafeBitCast(function, to: ChangeDirectory.self)(&actions, path)
    }

    /// The child gets no descriptor from `first` on: a connection that it inherited would stay open
    /// after this process closed it.
    static func close(
        _ actions: inout posix_spawn_file_actions_t,
        from first: Int32
    ) throws(SpawnError) {
        let function = try find("posix_spawn_file_actions_addclosefrom_np")
        _ = unsafeBitCast(function, to: CloseFrom.self)(&actions, first)
    }

    private static func find(_ name: String) throws(SpawnError) -> UnsafeMutableRawPointer {
        guard let function = dlsym(nil, name) else {
            throw SpawnError(description: "glibc 2.34 or newer is needed: no \(name)")
        }
        return function
    }
}

/// The two ends of a pipe.
struct Pipe {
    let read: Int32
    let write: Int32

    init() throws(SpawnError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw SpawnError(description: "pipe: errno \(errno)") }
        read = ends[0]
        write = ends[1]
    }
}
