import Model
import Seeded

/// Plays a service: performs its decisions at once, and notes them.
struct ServiceDriver {
    var state: ServiceState
    var launches = Account().launches
    var random: SeededRandom
    var now = 0
    private(set) var started: [Int] = []
    private(set) var stopped: [Int] = []
    private(set) var nextAt: Int?

    init(
        _ deployed: Deployed = Deployed(),
        _ replacement: Replacement = .same,
        desired: Int,
        seed: UInt64 = 1
    ) {
        state = ServiceState(deployed, replacement: replacement, desired: desired)
        state.events.isOn = true
        random = SeededRandom(seed: seed)
    }

    var events: [ServiceEvent] { state.events.entries.map(\.event) }
    /// Tasks that count, by deployment from the newest to the oldest.
    var counting: [Int] { state.deployments.map(\.counting) }

    /// One turn, a second after the last one.
    @discardableResult
    mutating func turn(after time: Int = 1_000) -> [ServiceState.Decision] {
        now += time
        let turn = state.turn(at: now, launches: &launches) { bound in
            Int(random.next() % UInt64(bound))
        }
        nextAt = turn.nextAt
        for decision in turn.decisions {
            switch decision {
            case .start(let number, _, _): started.append(number)
            case .stop(let number, _): stopped.append(number)
            }
        }
        return turn.decisions
    }

    /// Turns in which every task that is started runs at once and every one that is stopped is
    /// gone, until nothing is decided any more.
    mutating func settle() {
        for _ in 0..<100 {
            let decisions = turn()
            guard !decisions.isEmpty else { return }
            for decision in decisions {
                switch decision {
                case .start(let number, _, _): state.ran(number, at: now)
                case .stop(let number, _): state.stopped(number, at: now)
                }
            }
        }
    }

    mutating func setDesired(_ count: Int) {
        try? state.setDesired(count, at: now) { Int(random.next() % UInt64($0)) }
    }

    mutating func deploy(_ revision: Int? = nil) { try? state.deploy(revision, at: now) }

    mutating func protect(_ number: Int, minutes: Int = 120) -> ServiceState.ProtectionAnswer {
        state.protect(number, for: minutes * 60_000, at: now)
    }

    /// Lets so many starts fail, each as soon as it is due.
    mutating func failStarts(_ count: Int) {
        for _ in 0..<count {
            var decisions = turn(after: 1)
            if decisions.isEmpty, let nextAt { decisions = turn(after: nextAt - now) }
            for case .start(let number, _, _) in decisions { state.stopped(number, at: now) }
        }
    }
}

extension ServiceState.Decision {
    var isStart: Bool {
        if case .start = self { true } else { false }
    }
    var number: Int {
        switch self {
        case .start(let number, _, _), .stop(let number, _): number
        }
    }
}
