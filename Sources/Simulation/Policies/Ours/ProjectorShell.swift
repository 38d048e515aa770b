import Decisions
import Model

/// Makes the service follow the ledger: performs the steps of ``ProjectionFlow`` in virtual time.
final class ProjectorShell {
    private let store: VirtualLedgerStore
    private let service: Service
    private let process: Process
    private unowned let world: World

    init(store: VirtualLedgerStore, service: Service, _ process: Process) {
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
        step(ProjectionFlow(view, service: counts?.view(in: world), at: now), known, done)
    }

    /// After a change of the size, with each update booked.
    func follow(
        _ ledger: Ledger?,
        to move: Int,
        isBooked: Bool,
        done: @escaping (ProjectionFlow.Outcome?) -> Void
    ) {
        let view = ledger.map { LedgerView($0, store.limits) }
        let flow = ProjectionFlow(following: view, to: move, isBooked: isBooked, at: now)
        step(flow, ledger, done)
    }

    private var now: Instant { Instant(sinceOrigin: .milliseconds(world.clock)) }

    private var caller: Caller {
        if case .job(_) = process.who { process.caller(.follow) } else { process.caller(.project) }
    }

    /// - Parameter known: whose jobs are known.
    private func step(
        _ before: ProjectionFlow,
        _ known: Ledger?,
        _ done: @escaping (ProjectionFlow.Outcome?) -> Void
    ) {
        guard process.lives else { return }
        var flow = before
        let asked = now
        switch flow.next(at: asked) {
        case .readLedger:
            store.table.read(by: caller) { [self] stored in
                guard process.lives else { return }
                guard let stored else { return done(nil) }
                flow.read(LedgerView(stored.ledger, store.limits), asked: asked)
                step(flow, stored.ledger, done)
            }
        case .readCounted:
            store.table.counted(by: caller) { [self] counted in
                guard let counted else { return done(nil) }
                flow.read(view(counted, known), asked: asked)
                step(flow, known, done)
            }
        case .readService:
            service.describe(by: caller) { [self] counts in
                guard process.lives else { return }
                guard let counts else { return done(nil) }
                flow.saw(counts.view(in: world))
                step(flow, known, done)
            }
        case .write(let count):
            write(count) { [self] counts in
                guard let counts else { return done(nil) }
                flow.wrote(counts.view(in: world))
                step(flow, known, done)
            }
        case .pause(let number):
            let wait = world.chance.wait(.afterLostRace, afterTry: number)
            world.after(world.prompter == nil ? wait : 0) { [self] in
                flow.paused()
                step(flow, known, done)
            }
        case .book:
            store.table.book(at: world.wallTime(), by: caller) { [self] result in
                guard let (wait, counted) = try? result.get() else { return done(nil) }
                flow.booked(view(counted, known), asked: asked, wait: wait)
                step(flow, known, done)
            }
        case .wait(let time):
            let wait = world.isPrompted ? 0 : Int(time / .milliseconds(1))
            world.after(wait) { [self] in
                world.prompt(caller.act, caller.who) { [self] in step(flow, known, done) }
            }
        case .note(let moves, let before):
            store.table.note(followed: moves, after: before, by: caller) { [self] result in
                guard let (isNoted, counted) = try? result.get() else { return done(nil) }
                flow.noted(view(counted, known), asked: asked, isAlone: isNoted)
                step(flow, known, done)
            }
        case .done(let outcome): done(outcome)
        case .unsettled: done(nil)
        }
    }

    /// What is counted as it is now, beside the jobs as they were read.
    private func view(_ counted: Ledger, _ known: Ledger?) -> LedgerView {
        var ledger = counted
        ledger.jobs = known?.jobs ?? [:]
        return LedgerView(ledger, store.limits)
    }

    private func write(_ size: Int, done: @escaping (Service.Counts?) -> Void) {
        service.update(size, by: caller) { [self] result in
            guard process.lives else { return }
            switch result {
            case .updated(let counts): done(counts)
            case .unchanged: done(nil)
            case .unclear, .notActive:
                service.describe { [self] counts in if process.lives { done(counts) } }
            }
        }
    }
}

extension Service.Counts {
    func view(in world: World) -> ServiceView {
        let isActive = isActive || world.setup.broken == .ending
        return ServiceView(desired: desired, running: running, isActive: isActive)
    }
}
