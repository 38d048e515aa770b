import Glibc
import Synchronization

/// Ctrl-C, asked for between seeds and now and then within one. What has been played until then is
/// printed.
struct Interruption: Sendable {
    private static let isAsked = Atomic<Bool>(false)

    init() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { number in
                // The second one is a person who does not want to wait.
                if Interruption.isAsked.exchange(true, ordering: .relaxed) {
                    _exit(128 + number)
                }
            }
        }
    }

    var isAsked: Bool { Self.isAsked.load(ordering: .relaxed) }
}

/// One line on standard error that says how far the work is, if somebody looks.
struct Progress {
    private let isOn: Bool
    private let clock = ContinuousClock()
    private var saidAt: ContinuousClock.Instant?

    init(isOn: Bool) { self.isOn = isOn && isatty(2) == 1 }

    mutating func say(_ text: @autoclosure () -> String) {
        guard isOn else { return }
        let now = clock.now
        if let saidAt, saidAt.duration(to: now) < .milliseconds(200) { return }
        saidAt = now
        put("\r\u{1b}[K" + text())
    }

    mutating func end() {
        if isOn, saidAt != nil { put("\r\u{1b}[K") }
        saidAt = nil
    }

    private func put(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(2, bytes, bytes.count)
    }
}
