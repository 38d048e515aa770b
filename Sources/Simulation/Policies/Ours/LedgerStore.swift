import Decisions

/// A process of a sidecar or of the endpoint. What it has sent off takes effect when it dies; what
/// it would have done next does not happen.
final class Process {
    var lives = true
}

/// The ledger of a service and its limits: performs the steps of ``LedgerChange`` in virtual time.
final class LedgerStore {
    let table: LedgerTable
    let limits: Limits
    private let service: Service
    unowned let world: World

    init(service: Service) {
        self.service = service
        world = service.world
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
        private var change: LedgerChange<Answer, Int>

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
            change = LedgerChange(adopts: writer != nil)
            self.process = process
            self.skew = skew
            self.operation = operation
            self.done = done
        }

        private var world: World { store.world }

        private func fail(_ failure: CallFailure) {
            done(.failure(change.isUnclear ? .unclear : failure))
        }

        func go() { perform(.read) }

        private func perform(_ step: LedgerChange<Answer, Int>.Step) {
            guard process.lives else { return }
            switch step {
            case .read: read()
            case .adopt: adopt()
            case .pause(let count):
                let longest = min(20 << min(count - 1, 10), 500)
                world.after(world.chance.below(longest + 1)) { [self] in perform(.read) }
            case .write(let ledger, let version, let mark): write(ledger, over: version, mark)
            case .done(let answer, let ledger):
                done(.success(Change(answer: answer, ledger: ledger)))
            case .contended: fail(.unchanged)
            case .unclear: fail(.unclear)
            }
        }

        private func read() {
            store.table.read { [self] stored in
                guard process.lives else { return }
                guard var stored else { return fail(.unchanged) }
                var mark: Int? = stored.mark
                if world.setup.broken == .verify, change.isUnclear {
                    // Repeated as if the first try had never been.
                    mark = nil
                    if let writer { stored.ledger.departed[writer.id] = nil }
                }
                let wall = world.wallTime(skew: skew)
                perform(
                    change.read(
                        .init(stored.ledger, store.limits, mark: mark),
                        mark: world.newMark()
                    ) { operation(&$0, $1, wall) }
                )
            }
        }

        private func adopt() {
            store.service.describe { [self] counts in
                guard process.lives else { return }
                guard let counts else { return fail(.unchanged) }
                let wall = world.wallTime(skew: skew)
                perform(
                    change.adopted(desired: counts.desired) { operation(&$0, $1, wall) }
                )
            }
        }

        private func write(_ ledger: Ledger, over version: Int, _ mark: Int) {
            store.table.put(ledger, mark: mark, over: version, by: writer) { [self] put in
                guard process.lives else { return }
                switch put {
                case .written: perform(change.wrote())
                case .lostRace: perform(change.lostRace())
                case .failed(.unclear): perform(change.gotNoAnswer())
                case .failed(.unchanged): fail(.unchanged)
                }
            }
        }
    }
}
