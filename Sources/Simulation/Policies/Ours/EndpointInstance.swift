import Decisions
import Model

/// One process of the endpoint: the flows of `Announcer` in virtual time. What is decided,
/// ``AnnouncementFlow`` and ``ProjectionFlow`` decide.
final class EndpointInstance {
    private let store: VirtualLedgerStore
    private let service: Service
    private let process: Process
    private unowned let world: World
    private var waiting: [Call] = []
    private var isRunning = false

    private struct Call {
        let jobs: [Job]
        let closed: [Job]
        let done: (Bool) -> Void
    }

    /// - Parameter number: counted from 1; where a script is followed, of the job that it is called for.
    init(_ installation: Installation, number: Int) {
        process = Process(.job(number))
        store = installation.store
        service = installation.service
        world = installation.world
    }

    func close(_ jobs: [Job]) {
        perform(AnnouncementFlow([], closing: Set(jobs))) { _ in }
    }

    func announce(_ jobs: [Job], closing closed: [Job] = [], done: @escaping (Bool) -> Void) {
        waiting.append(Call(jobs: jobs, closed: closed, done: done))
        guard !isRunning else { return }
        isRunning = true
        drainWaiting()
    }

    private func drainWaiting() {
        guard !waiting.isEmpty else {
            isRunning = false
            return
        }
        let batch = waiting
        waiting = []
        let flow = AnnouncementFlow(
            batch.flatMap(\.jobs),
            closing: Set(batch.flatMap(\.closed))
        )
        perform(flow) { [self] fine in
            for call in batch { call.done(fine) }
            drainWaiting()
        }
    }

    private func perform(_ flow: AnnouncementFlow, _ done: @escaping (Bool) -> Void) {
        step(flow, nil, isBooked: false, done)
    }

    private func step(
        _ before: AnnouncementFlow,
        _ ledger: Ledger?,
        isBooked: Bool,
        _ done: @escaping (Bool) -> Void
    ) {
        var flow = before
        switch flow.next() {
        case .put(let jobs):
            let entry = Ledger.JobEntry(at: world.wallTime())
            write(jobs.map { JobWrite($0, from: nil, to: entry) }) { [self] fine in
                fine ? step(flow, ledger, isBooked: isBooked, done) : done(false)
            }
        case .drop(let jobs):
            let entry = Ledger.JobEntry(at: world.wallTime())
            write(jobs.map { JobWrite($0, from: entry, to: nil) }) { [self] fine in
                fine ? step(flow, ledger, isBooked: isBooked, done) : done(false)
            }
        case .read:
            store.table.read(by: process.caller(.endpoint)) { [self] stored in
                guard let stored else { return done(false) }
                flow.read(stored.ledger, store.limits)
                step(flow, stored.ledger, isBooked: isBooked, done)
            }
        case .raise(let size, let version): raise(to: size, over: version, flow, ledger, done)
        case .unsettled: done(false)
        case .uphold: uphold(flow, done)
        case .done(let outcome): end(outcome, ledger, isBooked: isBooked, done)
        }
    }

    /// Each by itself and all at once.
    private func write(_ writes: [JobWrite], _ done: @escaping (Bool) -> Void) {
        var open = writes.count
        var isFine = true
        for write in writes {
            store.table.write(write, by: process.caller(.endpoint)) { result in
                if case .failure = result { isFine = false }
                open -= 1
                if open == 0 { done(isFine) }
            }
        }
    }

    private func raise(
        to size: Int,
        over version: Int,
        _ before: AnnouncementFlow,
        _ ledger: Ledger?,
        _ done: @escaping (Bool) -> Void
    ) {
        let now = world.wallTime()
        // What a script calls a raise asks for the booking whatever was read.
        let isFree = world.isPrompted || ledger?.bookingWait(at: now) == nil
        store.table.raise(
            to: size,
            over: version,
            bookingAt: isFree ? now : nil,
            by: process.caller(.endpoint)
        ) { [self] result in
            guard case .success(let raise) = result else { return done(false) }
            if dies() { return world.after(1.seconds...3.seconds) { done(false) } }
            var flow = before
            var counted = raise.counted
            counted.jobs = ledger?.jobs ?? [:]
            flow.raised(counted)
            step(flow, counted, isBooked: raise.isBooked, done)
        }
    }

    private func dies() -> Bool {
        guard world.happens(.endpointDies) else { return false }
        world.tell("the endpoint dies between ledger and service")
        return true
    }

    private func uphold(_ before: AnnouncementFlow, _ done: @escaping (Bool) -> Void) {
        store.change(by: nil, process, skew: 0) { ledger, limits, now in
            let before = ledger.size
            ledger.uphold(limits, at: now)
            return before
        } done: { [self] result in
            guard case .success(let change) = result else { return done(false) }
            var flow = before
            flow.upheld(change.ledger, hasChanged: change.ledger.size != change.answer)
            step(flow, change.ledger, isBooked: false, done)
        }
    }

    private func end(
        _ outcome: AnnouncementFlow.Outcome,
        _ ledger: Ledger?,
        isBooked: Bool,
        _ done: @escaping (Bool) -> Void
    ) {
        let projector = ProjectorShell(store: store, service: service, process)
        guard let ledger else { return done(true) }
        switch outcome {
        case .settled, .closed: done(true)
        case .follow:
            projector.follow(ledger, to: ledger.lastRaise, isBooked: isBooked) { done($0 != nil) }
        case .project: projector.project(ledger) { done($0 != nil) }
        }
    }
}
