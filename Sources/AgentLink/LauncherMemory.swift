/// What the launcher has said so far, as far as a sidecar that hears it for the first time needs
/// it: a sidecar that was restarted learns from it what its predecessor knew.
package struct LauncherMemory: Sendable, Hashable {
    /// What a message is the last word about.
    private struct Subjects: OptionSet, Hashable {
        let rawValue: UInt8
        static let registration = Subjects(rawValue: 1)
        static let work = Subjects(rawValue: 2)
        static let stop = Subjects(rawValue: 4)
        static let exit = Subjects(rawValue: 8)
        static let level = Subjects(rawValue: 16)
        static let renewal = Subjects(rawValue: 32)
    }

    private struct Statement: Hashable {
        var subjects: Subjects
        let message: LauncherMessage
    }

    private var kept: [Statement] = []
    /// Whether the agent has said that it received a job.
    private(set) var agentHadJob = false

    /// Nothing said yet.
    package init() {}

    /// Keeps a message that was said, in place of those that it makes obsolete. `hello` and
    /// `ping` belong to a connection and `busy` answers a question: none is state.
    package mutating func remember(_ message: LauncherMessage) {
        if case .status(let line) = message, StatusPhrase.jobReceived.isSaid(in: line) {
            agentHadJob = true
        }
        let subjects = LauncherMemory.subjects(of: message)
        guard !subjects.isEmpty else { return }
        for index in kept.indices {
            kept[index].subjects.subtract(subjects)
        }
        kept.removeAll { $0.subjects.isEmpty }
        kept.append(Statement(subjects: subjects, message: message))
    }

    /// Says no more that the container is renewed, since that is of no use to anybody now.
    mutating func forgetRenewed() { kept.removeAll { $0.message == .renewed } }

    /// What a new connection begins with: `hello`, then the state, oldest first.
    package var greeting: [LauncherMessage] {
        [.hello(version: Link.version)] + kept.map(\.message)
    }

    /// Whether the agent's last word about its work was that it waits for some. A line that anything
    /// else is glued to does not say so.
    package var agentWaits: Bool {
        let last = kept.last { $0.subjects.contains(.work) }
        guard case .status(let line)? = last?.message else { return false }
        return CoreLine(line)?.saysWaiting ?? false
    }

    /// Whether the agent has said anything of itself, or runs at a level that hides it: a process
    /// that was only asked for its version says nothing.
    var agentHasSpoken: Bool {
        kept.contains { statement in
            switch statement.message {
            case .status, .unreadable, .silenced: true
            default: false
            }
        }
    }

    /// Whether the agent has said that it is registered.
    var agentIsRegistered: Bool {
        kept.contains { statement in
            guard case .status(let line) = statement.message else { return false }
            return CoreLine(line)?.saysRegistered ?? false
        }
    }

    /// A line may say two things at once, for example a job whose name is one of the phrases. It
    /// then stands for both: kept only as a registration, it would let an older "waiting" pass for
    /// the agent's last word.
    private static func subjects(of message: LauncherMessage) -> Subjects {
        switch message {
        case .hello, .ping, .busy: []
        case .status(let line):
            if !StatusPhrase.registered.isSaid(in: line) {
                .work
            } else if StatusPhrase.jobReceived.isSaid(in: line)
                || StatusPhrase.waiting.isSaid(in: line)
            {
                [.registration, .work]
            } else {
                .registration
            }
        case .unreadable: .work
        case .stopping, .drained: .stop
        case .exited: .exit
        case .silenced: .level
        case .renewed, .spoiled: .renewal
        }
    }
}
