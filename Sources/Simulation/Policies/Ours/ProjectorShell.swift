import Decisions

/// Makes the service follow the ledger: performs the steps of ``ProjectionFlow`` in virtual time.
final class ProjectorShell {
    private let store: LedgerStore
    private let service: Service
    private let process: Process
    private unowned let world: World

    init(store: LedgerStore, service: Service, _ process: Process) {
        self.process = process
        self.store = store
        self.service = service
        world = service.world
    }

    /// - Parameters:
    ///   - known: the ledger as the caller has just read or written it.
    ///   - counts: the service as the caller has just read it.
    ///   - done: gets nil when a call failed.
    func project(
        _ known: Ledger?,
        counts: Service.Counts? = nil,
        done: @escaping (ProjectionFlow.Outcome?) -> Void
    ) {
        let view = known.map { LedgerView($0, store.limits) }
        step(ProjectionFlow(view, service: counts?.view, at: now), done)
    }

    private var now: Instant { .milliseconds(world.now) }

    private func step(
        _ before: ProjectionFlow,
        _ done: @escaping (ProjectionFlow.Outcome?) -> Void
    ) {
        guard process.lives else { return }
        var flow = before
        switch flow.next(at: now) {
        case .readLedger:
            let asked = now
            store.table.read { [self] stored in
                guard process.lives else { return }
                guard let stored else { return done(nil) }
                flow.read(LedgerView(stored.ledger, store.limits), asked: asked)
                step(flow, done)
            }
        case .readService:
            service.describe { [self] counts in
                guard process.lives else { return }
                guard let counts else { return done(nil) }
                flow.saw(counts.view)
                step(flow, done)
            }
        case .write(let count):
            write(count) { [self] counts in
                guard let counts else { return done(nil) }
                flow.wrote(counts.view)
                step(flow, done)
            }
        case .pause(let number):
            world.after(world.chance.below(min(20 << (number - 1), 500) + 1)) { [self] in
                flow.paused()
                step(flow, done)
            }
        case .done(let outcome): done(outcome)
        case .unsettled: done(nil)
        // The simulated endpoint books nothing: one process gathers its calls.
        case .book, .wait: preconditionFailure("a booking that was not asked for")
        }
    }

    private func write(_ size: Int, done: @escaping (Service.Counts?) -> Void) {
        service.update(size) { [self] result in
            guard process.lives else { return }
            switch result {
            case .success(let counts): done(counts)
            case .failure(.unchanged): done(nil)
            case .failure(.unclear):
                service.describe { [self] counts in if process.lives { done(counts) } }
            }
        }
    }
}

extension Service.Counts {
    var view: ServiceView { ServiceView(desired: desired) }
}
