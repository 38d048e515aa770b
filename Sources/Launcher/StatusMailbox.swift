import AgentLink
import Glibc
import Synchronization

/// Where the pumps leave status lines for the main thread. Leaving one never waits.
final class StatusMailbox: Sendable {
    private let lines = Mutex<[StatusLine]>([])
    private let wakeup: Wakeup

    /// What may wait while the main thread is not scheduled. An agent that writes more has its
    /// oldest lines dropped: they are no longer its state. Bounds the memory to this many messages.
    private static let waitingLinesLimit = 64

    init() throws(LaunchFailure) {
        guard let wakeup = Wakeup() else { throw .callFailed("pipe") }
        self.wakeup = wakeup
    }

    /// Readable when a pump has rung; for poll(2).
    var descriptor: Int32 { wakeup.descriptor }

    func leave(_ line: StatusLine) {
        let isFirst = lines.withLock { lines in
            if lines.count >= StatusMailbox.waitingLinesLimit {
                lines.remove(at: StatusMailbox.mostDispensable(lines))
            }
            lines.append(line)
            return lines.count == 1
        }
        // The others are taken with the first one, for which the main thread has been rung already.
        if isFirst { wakeup.ring() }
    }

    /// Makes the main thread look at the pumps.
    func ring() {
        wakeup.ring()
    }

    /// Takes what waits, in order.
    func take() -> [StatusLine] {
        wakeup.silence()
        return lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    /// The oldest line, unless it is the only one that says "registered", which the agent says once
    /// in its life.
    private static func mostDispensable(_ lines: [StatusLine]) -> Int {
        func isRegistration(_ line: StatusLine) -> Bool {
            guard case .readable(let text) = line else { return false }
            return StatusPhrase.registered.isSaid(in: text)
        }
        guard isRegistration(lines[0]), !lines.dropFirst().contains(where: isRegistration) else {
            return 0
        }
        return 1
    }
}
