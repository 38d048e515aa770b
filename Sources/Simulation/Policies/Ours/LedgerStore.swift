import Decisions

/// A process of a sidecar or of the endpoint. What it has sent off takes effect when it dies; what
/// it would have done next does not happen.
final class Process {
    var lives = true
}

/// Read, apply, write on a condition, again after a lost race or an unclear answer: the flow of
/// `DynamoDBLedgerStore`, in virtual time.
final class LedgerStore {
    let table: LedgerTable
    private let limits: Limits
    unowned let world: World

    /// As in `DynamoDBLedgerStore.maximumAttempts`.
    private static let maximumAttempts = 30

    init(world: World) {
        self.world = world
        table = LedgerTable(world: world)
        let limits = world.setup.limits
        let isFloorBroken = world.setup.broken == .floor
        self.limits =
            isFloorBroken
            ? Limits(desiredCount: 0, maxCount: limits.maxCount, spareCount: limits.spareCount)
                ?? limits
            : limits
    }

    struct Change<Answer> {
        let answer: Answer
        let ledger: Ledger
    }

    /// - Parameters:
    ///   - writer: the task whose sidecar asks; nil for the endpoint.
    ///   - process: the one that asks; when it dies, its change goes no further.
    ///   - skew: of the writer's wall clock.
    ///   - operation: one that may be repeated, like those of ``Ledger``.
    func change<Answer>(
        by writer: AgentTask?,
        _ process: Process,
        skew: Milliseconds,
        _ operation: @escaping (inout Ledger, Limits, WallTime) -> Answer,
        done: @escaping (Result<Change<Answer>, CallFailure>) -> Void
    ) {
        Attempts(store: self, writer, process, skew: skew, operation, done).go()
    }

    /// One change with all its tries.
    private final class Attempts<Answer> {
        private let store: LedgerStore
        private let writer: AgentTask?
        private let process: Process
        private let skew: Milliseconds
        private let operation: (inout Ledger, Limits, WallTime) -> Answer
        private let done: (Result<Change<Answer>, CallFailure>) -> Void
        private var count = 0
        private var answers: [Int: Answer] = [:]
        private var isUnclear = false

        init(
            store: LedgerStore,
            _ writer: AgentTask?,
            _ process: Process,
            skew: Milliseconds,
            _ operation: @escaping (inout Ledger, Limits, WallTime) -> Answer,
            _ done: @escaping (Result<Change<Answer>, CallFailure>) -> Void
        ) {
            self.store = store
            self.writer = writer
            self.process = process
            self.skew = skew
            self.operation = operation
            self.done = done
        }

        private func fail(_ failure: CallFailure) {
            done(.failure(isUnclear ? .unclear : failure))
        }

        func go() {
            store.table.read { [self] stored in
                guard process.lives else { return }
                guard let stored else { return fail(.unchanged) }
                if let written = answers[stored.mark], store.world.setup.broken != .verify {
                    return done(.success(Change(answer: written, ledger: stored.ledger)))
                }
                guard count < LedgerStore.maximumAttempts else { return fail(.unchanged) }
                guard count > 0 else { return apply(to: stored.ledger) }
                let longest = min(20 << min(count - 1, 10), 500)
                store.world.after(store.world.chance.below(longest + 1)) { [self] in
                    // The pause comes between read and write in the real store as well.
                    apply(to: stored.ledger)
                }
            }
        }

        private func apply(to before: Ledger) {
            guard process.lives else { return }
            var ledger = before
            if isUnclear, store.world.setup.broken == .verify, let writer {
                // Repeated as if the first try had never been.
                ledger.departed.removeAll { $0 == writer.id }
            }
            let wall = store.world.wallTime(skew: skew)
            let answer = operation(&ledger, store.limits, wall)
            ledger.version = before.version
            if ledger == before {
                return done(.success(Change(answer: answer, ledger: before)))
            }
            ledger.version += 1
            count += 1
            let mark = store.world.newMark()
            answers[mark] = answer
            let changed = ledger
            store.table.put(changed, mark: mark, over: before.version, by: writer) { [self] put in
                guard process.lives else { return }
                switch put {
                case .written: done(.success(Change(answer: answer, ledger: changed)))
                case .lostRace: go()
                case .failed(.unclear):
                    isUnclear = true
                    go()
                case .failed(.unchanged): fail(.unchanged)
                }
            }
        }
    }
}
