import Decisions
import Model

/// A process of a sidecar or of the endpoint. What it has sent off takes effect when it dies; what
/// it would have done next does not happen.
final class Process {
    /// Whose it is, for a script.
    let who: Script.Actor
    var lives = true

    init(_ who: Script.Actor) { self.who = who }

    func caller(_ act: Script.Act) -> Caller { Caller(act: act, who: who) }
}

/// The ledger of a service and its limits: performs the steps of ``LedgerChange`` in virtual time.
final class VirtualLedgerStore {
    let table: VirtualLedgerTable
    private let service: Service
    unowned let world: World

    init(service: Service) {
        self.service = service
        world = service.world
        table = VirtualLedgerTable(service.index, world: world)
    }

    /// As the ledger has them.
    var limits: Limits {
        let now = world.setup.broken == .ending ? world.setup.limits : service.limits
        guard world.setup.broken == .floor else { return now }
        return Limits(desiredCount: 0, maxCount: now.maxCount, spareCount: now.spareCount) ?? now
    }

    struct Change<Answer> {
        let answer: Answer
        let ledger: Ledger
        /// The service has to follow.
        let sizeChanged: Bool
    }

    /// - Parameters:
    ///   - writer: the task whose sidecar asks; nil for the endpoint.
    ///   - process: the one that asks; when it dies, its change goes no further.
    ///   - skew: of the writer's wall clock.
    ///   - isWhole: a script has no word for its single calls.
    ///   - departed: tasks of which the operation must know whether they have departed.
    ///   - operation: one that may be repeated, like those of ``Ledger``.
    func change<Answer>(
        by writer: TaskID?,
        _ process: Process,
        skew: Milliseconds,
        isWhole: Bool = false,
        knowing departed: @escaping (Ledger) -> Set<TaskID> = { _ in [] },
        _ operation: @escaping (inout Ledger, Limits, WallTime) -> Answer,
        done: @escaping (Result<Change<Answer>, CallFailure>) -> Void
    ) {
        Attempts(store: self, writer, process, skew, isWhole: isWhole, departed, operation, done)
            .go()
    }

    /// One change with all its tries.
    private final class Attempts<Answer> {
        private let store: VirtualLedgerStore
        private let writer: TaskID?
        private let process: Process
        private let skew: Milliseconds
        private let isWhole: Bool
        private let departed: (Ledger) -> Set<TaskID>
        private let operation: (inout Ledger, Limits, WallTime) -> Answer
        private let done: (Result<Change<Answer>, CallFailure>) -> Void
        private var change: LedgerChange<Answer, Int>

        init(
            store: VirtualLedgerStore,
            _ writer: TaskID?,
            _ process: Process,
            _ skew: Milliseconds,
            isWhole: Bool,
            _ departed: @escaping (Ledger) -> Set<TaskID>,
            _ operation: @escaping (inout Ledger, Limits, WallTime) -> Answer,
            _ done: @escaping (Result<Change<Answer>, CallFailure>) -> Void
        ) {
            self.store = store
            self.writer = writer
            change = LedgerChange(adopts: writer != nil)
            self.process = process
            self.skew = skew
            self.isWhole = isWhole
            self.departed = departed
            self.operation = operation
            self.done = done
        }

        private var world: World { store.world }
        private func caller(_ act: Script.Act) -> Caller? { isWhole ? nil : process.caller(act) }

        private func fail(_ failure: CallFailure) {
            done(.failure(change.isUnclear ? .unclear : failure))
        }

        func go() { perform(.read) }

        private func perform(_ step: LedgerChange<Answer, Int>.Step) {
            guard process.lives else { return }
            switch step {
            case .read: read()
            case .readDeparted(let tasks): readDeparted(tasks)
            case .adopt: adopt()
            case .pause(let count):
                let wait = world.chance.wait(.afterLostRace, afterTry: count)
                world.after(world.prompter == nil ? wait : 0) { [self] in perform(.read) }
            case .write(let write): self.write(write)
            case .raise(let size, let version):
                store.table.raise(
                    to: size,
                    over: version,
                    bookingAt: nil,
                    by: caller(.raise)
                ) { [self] result in
                    guard process.lives else { return }
                    perform(change.raised((try? result.get())?.counted))
                }
            case .done(let answer, let ledger, let sizeChanged):
                done(
                    .success(Change(answer: answer, ledger: ledger, sizeChanged: sizeChanged))
                )
            case .contended: fail(.unchanged)
            case .unclear: fail(.unclear)
            }
        }

        private func apply(_ ledger: inout Ledger, _ limits: Limits) -> Answer {
            operation(&ledger, limits, world.wallTime(skew: skew))
        }

        /// The departure is repeated as if the first try had never been.
        private var forgets: Bool { world.setup.broken == .verify && change.isUnclear }

        private func read() {
            let isMade = change.missedReading() != nil
            store.table.read(by: caller(isMade ? .look : .read)) { [self] stored in
                guard process.lives else { return }
                guard let stored else {
                    if let step = change.missedReading() { return perform(step) }
                    return fail(.unchanged)
                }
                let known = LedgerChange<Answer, Int>.Stored(
                    stored.ledger,
                    store.limits,
                    mark: forgets ? nil : stored.mark
                )
                perform(
                    change.read(known, mark: world.newMark(), departed: departed) {
                        apply(&$0, $1)
                    }
                )
            }
        }

        private func readDeparted(_ tasks: Set<TaskID>) {
            store.table.departed(tasks) { [self] departed in
                guard process.lives else { return }
                guard var departed else { return fail(.unchanged) }
                if forgets, let writer { departed[writer] = nil }
                perform(change.readDeparted(departed) { apply(&$0, $1) })
            }
        }

        private func adopt() {
            store.service.describe { [self] counts in
                guard process.lives else { return }
                guard let counts, counts.isActive else { return fail(.unchanged) }
                perform(change.adopted(desired: counts.desired) { apply(&$0, $1) })
            }
        }

        private func write(_ write: LedgerWrite<Int>) {
            store.table.write(write, by: writer, caller(.write)) { [self] result in
                guard process.lives else { return }
                switch result {
                case .success(true): perform(change.wrote())
                case .success(false): perform(change.lostRace())
                case .failure(.unclear): perform(change.gotNoAnswer())
                case .failure(.unchanged): fail(.unchanged)
                }
            }
        }
    }
}
