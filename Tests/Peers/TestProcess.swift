@preconcurrency package import Glibc
import Synchronization

/// A program that a test starts, and that ends with the test at the latest.
///
/// The program inherits nothing of this process but what is given: descriptors that other tests
/// hold open would else keep their pipes from ever ending.
package final class TestProcess: Sendable {
    package enum Input {
        case nothing
        case file(String)
        case descriptor(Int32)
    }

    package enum Output {
        /// Appended to; made if need be.
        case file(String)
        case descriptor(Int32)
    }

    package struct StartFailure: Error, CustomStringConvertible {
        package let description: String
    }

    package let pid: pid_t
    /// The exit code once the process was collected; until then its pid is nobody else's.
    private let collected = Mutex<Int32?>(nil)

    /// - Parameters:
    ///   - words: the program, looked up on `PATH` unless it has a slash, and its arguments.
    ///   - environment: all of it, but for what a sanitizer is told; nil is this process's own.
    package init(
        _ words: [String],
        environment: [String: String]? = nil,
        input: Input = .nothing,
        output: Output,
        errors: Output? = nil
    ) throws(StartFailure) {
        let environment = environment.map { $0.merging(Self.sanitizing) { own, _ in own } }
        pid = try Self.spawn(words, environment, input, output, errors ?? output)
        Survivors.shared.add(pid)
    }

    private static let sanitizing: [String: String] = {
        var told: [String: String] = [:]
        for name in ["ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"] {
            told[name] = getenv(name).map { String(cString: $0) }
        }
        return told
    }()

    deinit { end() }

    /// As a shell reports it: 128 + signal for one that was killed; nil while it runs.
    package var exitCode: Int32? {
        collected.withLock { code in
            if code == nil { code = Self.collect(pid, WNOHANG) }
            return code
        }
    }

    package var isRunning: Bool { exitCode == nil }

    /// Does nothing once the process has ended.
    package func signal(_ number: Int32) {
        collected.withLock { code in
            if code == nil { kill(pid, number) }
        }
    }

    /// Blocks until the process ends; only for programs that end by themselves.
    package func wait() -> Int32 {
        collected.withLock { code in
            let result = code ?? Self.collect(pid, 0) ?? -1
            code = result
            return result
        }
    }

    /// Kills it if it still runs. It is gone when this returns.
    package func end() {
        signal(SIGKILL)
        _ = wait()
        Survivors.shared.remove(pid)
    }

    /// The built executable of that name: beside the tests, or where SwiftPM puts it.
    package static func built(_ name: String) throws(StartFailure) -> String {
        var places = CommandLine.arguments.prefix(1).flatMap(folders)
        if let tests = realpath("/proc/self/exe", nil) {
            places += folders(above: String(cString: tests))
            free(tests)
        }
        places += [".build/debug", ".build/release"]
        for place in places where access("\(place)/\(name)", X_OK) == 0 {
            guard let path = realpath("\(place)/\(name)", nil) else { continue }
            defer { free(path) }
            return String(cString: path)
        }
        throw StartFailure(description: "\(name) is not built: swift build --product \(name)")
    }

    private static func folders(above path: String) -> [String] {
        var folders: [String] = []
        var rest = path[...]
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            folders.append(String(rest))
        }
        return folders
    }

    private static func collect(_ pid: pid_t, _ options: Int32) -> Int32? {
        var status: Int32 = 0
        var result: pid_t
        repeat { result = waitpid(pid, &status, options) } while result == -1 && errno == EINTR
        guard result == pid else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : 128 + signal
    }

    private static func spawn(
        _ words: [String],
        _ environment: [String: String]?,
        _ input: Input,
        _ output: Output,
        _ errors: Output
    ) throws(StartFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        switch input {
        case .nothing: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        case .file(let path): posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0)
        case .descriptor(let number): posix_spawn_file_actions_adddup2(&actions, number, 0)
        }
        for (target, given) in [(Int32(1), output), (2, errors)] {
            switch given {
            case .file(let path):
                let flags = O_WRONLY | O_CREAT | O_APPEND
                posix_spawn_file_actions_addopen(&actions, target, path, flags, 0o644)
            case .descriptor(let number):
                posix_spawn_file_actions_adddup2(&actions, number, target)
            }
        }
        for descriptor: Int32 in 3..<512 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        let arguments = words.map { strdup($0) } + [nil]
        let variables = environment?.map { strdup("\($0)=\($1)") }
        defer { for text in arguments + (variables ?? []) { free(text) } }
        var pid = pid_t()
        let result = posix_spawnp(
            &pid,
            words[0],
            &actions,
            nil,
            arguments,
            variables.map { $0 + [nil] } ?? Array(inherited())
        )
        guard result == 0 else {
            throw StartFailure(description: "\(words[0]): \(String(cString: strerror(result)))")
        }
        return pid
    }

    private static func inherited() -> UnsafeBufferPointer<UnsafeMutablePointer<CChar>?> {
        var count = 0
        while environ[count] != nil { count += 1 }
        return UnsafeBufferPointer(start: environ, count: count + 1)
    }
}

/// Processes that still run when the tests end: what tests share is never released.
private final class Survivors: Sendable {
    static let shared = Survivors()

    private let pids = Mutex<Set<pid_t>>([])

    private init() {
        atexit { Survivors.shared.kill() }
    }

    func add(_ pid: pid_t) { pids.withLock { _ = $0.insert(pid) } }
    func remove(_ pid: pid_t) { pids.withLock { _ = $0.remove(pid) } }

    private func kill() {
        for pid in pids.withLock({ $0 }) { Glibc.kill(pid, SIGKILL) }
    }
}
