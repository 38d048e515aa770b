import Glibc

/// The launcher's own words, on stderr, between the agent's.
enum Notice {
    /// Writes one line, or nothing: if whoever reads stderr is behind, the launcher must not wait
    /// with it, since a stop signal may come at any time.
    static func say(_ text: String) {
        var entry = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard poll(&entry, 1, 0) == 1, entry.revents & Int16(POLLOUT) != 0 else { return }
        write("agent-launcher: " + text + "\n", to: STDERR_FILENO)
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

/// Durations and deadlines are whole milliseconds of the monotonic clock: the wall clock may jump.
typealias Milliseconds = Int

enum MonotonicClock {
    static var now: Milliseconds {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
