import Decisions

/// Writes the ledger's size to the service until both agree: the flow of `Projector`, with every
/// decision taken by ``Projection``.
final class ProjectorShell {
    enum Outcome {
        case agreed
        case held(TaskID)
        case failed
    }

    private let table: LedgerTable
    private let service: Service
    private let process: Process
    private unowned let world: World

    /// As in `Projector.maximumRounds`.
    private static let maximumRounds = 10

    init(table: LedgerTable, service: Service, _ process: Process) {
        self.process = process
        self.table = table
        self.service = service
        world = service.world
    }

    /// - Parameters:
    ///   - known: the ledger as the caller has just read or written it.
    ///   - counts: the service as the caller has just read it.
    func project(
        _ known: Ledger?,
        counts: Service.Counts? = nil,
        done: @escaping (Outcome) -> Void
    ) {
        if let known {
            round(1, known, isFresh: false, counts, done)
        } else {
            read { [self] ledger in
                guard let ledger else { return done(.failed) }
                round(1, ledger, isFresh: true, counts, done)
            }
        }
    }

    private func read(_ done: @escaping (Ledger?) -> Void) {
        table.read { [self] stored in if process.lives { done(stored?.ledger) } }
    }

    private func round(
        _ number: Int,
        _ ledger: Ledger,
        isFresh: Bool,
        _ counts: Service.Counts?,
        _ done: @escaping (Outcome) -> Void
    ) {
        guard number <= Self.maximumRounds else { return done(.failed) }
        if !ledger.exposed.isEmpty, counts == nil {
            return service.describe { [self] counts in
                guard process.lives else { return }
                guard let counts else { return done(.failed) }
                round(number, ledger, isFresh: isFresh, counts, done)
            }
        }
        switch Projection(ledger, desired: counts?.desired) {
        case .agreed:
            if isFresh, counts != nil { return done(.agreed) }
            next(number, counts, done)
        case .hold(let task):
            if isFresh, counts != nil { return done(.held(task)) }
            next(number, counts, done)
        case .write(let size):
            let pause = number > 1 ? world.chance.below(min(20 << (number - 2), 500) + 1) : 0
            world.after(pause) { [self] in
                guard process.lives else { return }
                write(size) { [self] counts in
                    guard let counts else { return done(.failed) }
                    next(number, counts, done)
                }
            }
        }
    }

    private func next(
        _ number: Int,
        _ counts: Service.Counts?,
        _ done: @escaping (Outcome) -> Void
    ) {
        read { [self] ledger in
            guard let ledger else { return done(.failed) }
            round(number + 1, ledger, isFresh: true, counts, done)
        }
    }

    private func write(_ size: Int, done: @escaping (Service.Counts?) -> Void) {
        service.update(size) { [self] result in
            guard process.lives else { return }
            switch result {
            case .success(let counts): done(counts)
            case .failure(.unchanged): done(nil)
            case .failure(.unclear): service.describe(done: done)
            }
        }
    }
}
