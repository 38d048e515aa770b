internal import Glibc

/// Runs an asynchronous program under SIGTERM, SIGINT and SIGHUP.
///
/// The main thread waits in `sigwait`, the program runs on the concurrency pool. An `async main`
/// would not do: it parks the main thread with all signals unblocked, and a SIGTERM then kills
/// the process whatever its mask said (measured on Linux; libdispatch pull request 99).
package enum Signals {
    /// - Parameter program: receives each stop signal's number; its result is the exit code.
    package static func run(_ program: @escaping @Sendable (AsyncStream<Int32>) async -> Int32)
        -> Never
    {
        // libcurl leaves this signal to the application ("libcurl thread safety").
        signal(SIGPIPE, SIG_IGN)
        var stops = sigset_t()
        sigemptyset(&stops)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&stops, number) }
        // Before any thread starts: threads inherit the mask.
        pthread_sigmask(SIG_BLOCK, &stops, nil)

        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        Task.detached { exit(await program(stream)) }
        while true {
            var number: Int32 = 0
            if sigwait(&stops, &number) == 0 { continuation.yield(number) }
        }
    }
}

/// The process environment as a dictionary.
package func processEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var entry: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = environ
    while let pointer = entry.pointee {
        let text = String(cString: pointer)
        if let equals = text.firstIndex(of: "=") {
            result[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        entry += 1
    }
    return result
}
