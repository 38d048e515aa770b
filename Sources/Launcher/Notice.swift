import Glibc
import Telemetry

/// The launcher's own words, on stderr, between the agent's: lines of the form that all programs have.
enum Notice {
    /// Writes one line, or nothing: if whoever reads stderr is behind, the launcher must not wait
    /// with it, since a stop signal may come at any time.
    static func say(_ event: EventName, _ text: String, _ fields: LogFields = [:]) {
        var entry = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard poll(&entry, 1, 0) == 1, entry.revents & Int16(POLLOUT) != 0 else { return }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let moment = LogMoment(
            milliseconds: Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
        )
        let line = LogRecord(event, text, fields).line(at: moment, by: "agent-launcher")
        write(line, to: STDERR_FILENO)
    }

    /// Writes text in one piece, so that lines of others do not get into it.
    static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    static func errorText(_ code: Int32) -> String {
        String(cString: strerror(code))
    }
}

/// Why the launcher ends before it has started anything, and its exit code.
struct LaunchFailure: Error {
    let text: String
    let exitCode: Int32

    /// As env(1), nohup(1) and timeout(1) end when they themselves fail: the command's own codes
    /// start at 126.
    static let launcherFailed: Int32 = 125
    static let cannotExecute: Int32 = 126
    static let notFound: Int32 = 127

    /// A system call that the launcher cannot do without has just failed.
    static func callFailed(_ call: String) -> LaunchFailure {
        LaunchFailure(text: call + ": " + Notice.errorText(errno), exitCode: launcherFailed)
    }
}
