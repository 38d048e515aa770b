import Glibc
import Synchronization

/// A program to start: nothing is inherited from this process but what is listed.
struct Program: Sendable {
    var path: String
    var arguments: [String] = []
    var environment: [String: String]
    var directory: String
    /// The container whose first process this is: all others in it end with it.
    var container: String?
    /// What it has to itself; nil where it sees all of this machine.
    var enclosure: Enclosure?
}

/// A child in a process group of its own, with its output read line by line.
enum ChildProcess {
    enum Stream: String, Sendable {
        case stdout
        case stderr
    }

    /// Longer lines arrive in pieces: a broken program must not fill this process's memory.
    static let longestLine = 1 << 20

    /// Starts `program`.
    ///
    /// - Parameters:
    ///   - program: what to start.
    ///   - line: called for each line of output, from a thread of its own.
    ///   - exit: called once, after the last line, with the exit code as a shell reports it
    ///     (128 + signal when killed).
    /// - Returns: the process id, which is also the id of the process group.
    /// - Throws: when it could not be started; then neither callback is ever called.
    static func start(
        _ program: Program,
        line: @escaping @Sendable (Stream, String) -> Void,
        exit: @escaping @Sendable (Int) -> Void
    ) throws(SpawnError) -> Int {
        let out = try Pipe()
        let err = try Pipe()
        let reading = Countdown(2)
        let started = Handover<Result<pid_t, SpawnError>>()
        // Who starts a process waits for it too: what is enclosed ends with the thread that started
        // it, so that nothing of it survives this process.
        Thread.start {
            let pid: pid_t
            do throws(SpawnError) {
                if program.enclosure != nil { try Enclosure.enter() }
                pid = try spawn(program, stdout: out.write, stderr: err.write)
            } catch {
                return started.give(.failure(error))
            }
            started.give(.success(pid))
            var status: Int32 = 0
            while waitpid(pid, &status, 0) == -1 && errno == EINTR {}
            // The container's first process is gone, so the kernel would end all others in its
            // PID namespace; without one, this does. It also lets the readers reach the end.
            kill(-pid, SIGKILL)
            Leftovers.kill(marker: program.container)
            reading.wait(milliseconds: 2000)
            exit(Self.code(status))
        }
        let result = started.take()
        close(out.write)
        close(err.write)
        switch result {
        case .success(let pid):
            for (stream, descriptor) in [(Stream.stdout, out.read), (.stderr, err.read)] {
                Thread.start {
                    readLines(descriptor) { line(stream, $0) }
                    reading.down()
                }
            }
            return Int(pid)
        case .failure(let error):
            close(out.read)
            close(err.read)
            throw error
        }
    }

    /// The exit code in `status` of `waitpid`, as a shell reports it.
    private static func code(_ status: Int32) -> Int {
        let signal = Int(status & 0x7f)
        return signal == 0 ? Int((status >> 8) & 0xff) : 128 + signal
    }

    private static func spawn(
        _ program: Program,
        stdout: Int32,
        stderr: Int32
    ) throws(SpawnError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, stdout, 1)
        posix_spawn_file_actions_adddup2(&actions, stderr, 2)
        try SpawnActions.close(&actions, from: 3)
        try SpawnActions.changeDirectory(&actions, to: program.directory)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This process blocks the signals that it waits for; a child must not inherit that, and
        // a group of its own keeps the terminal's Ctrl-C away from it.
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        posix_spawnattr_setpgroup(&attributes, 0)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)

        var path = program.path
        var words = program.arguments
        if let enclosure = program.enclosure {
            (path, words) = ("/bin/sh", enclosure.arguments(path, words))
        }
        var arguments = ([path] + words).map { strdup($0) } + [nil]
        var environment =
            program.environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") }
            + [nil]
        defer { for text in arguments + environment { free(text) } }
        var pid = pid_t()
        let result = posix_spawn(
            &pid,
            path,
            &actions,
            &attributes,
            &arguments,
            &environment
        )
        guard result == 0 else {
            throw SpawnError(
                description: "\(program.path) did not start: \(String(cString: strerror(result)))"
            )
        }
        return pid
    }

    private static func readLines(_ descriptor: Int32, _ line: (String) -> Void) {
        defer { close(descriptor) }
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            pending += chunk[..<count]
            while let end = pending.firstIndex(of: 10) {
                line(String(decoding: pending[..<end], as: UTF8.self))
                pending.removeFirst(end + 1)
            }
            if pending.count >= longestLine {
                line(String(decoding: pending, as: UTF8.self))
                pending = []
            }
        }
        if !pending.isEmpty { line(String(decoding: pending, as: UTF8.self)) }
    }
}

/// One value from one thread to another.
final class Handover<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    /// C's own, for any thread to use.
    nonisolated(unsafe) private let given: UnsafeMutablePointer<sem_t>

    init() {
        given = .allocate(capacity: 1)
        sem_init(given, 0, 0)
    }

    deinit {
        sem_destroy(given)
        given.deallocate()
    }

    func give(_ value: Value) {
        self.value.withLock { $0 = value }
        sem_post(given)
    }

    /// Waits for it.
    func take() -> Value {
        while true {
            while sem_wait(given) != 0 {}
            if let value = value.withLock({ $0 }) { return value }
        }
    }
}

/// Waits, with a limit, until a number of threads are done.
private final class Countdown: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    func down() { left.withLock { $0 -= 1 } }

    func wait(milliseconds: Int) {
        for _ in 0..<milliseconds where left.withLock({ $0 }) > 0 {
            usleep(1000)
        }
    }
}

/// A detached POSIX thread, for calls that block: reading a pipe, waiting for a process.
enum Thread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts `body`; without another thread this process cannot do its work, so it ends.
    static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Body(body)).toOpaque()
        let result = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            context
        )
        precondition(result == 0, "pthread_create failed with \(result)")
        pthread_detach(thread)
    }
}
