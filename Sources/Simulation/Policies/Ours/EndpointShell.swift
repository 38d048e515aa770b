import Decisions

/// The scale-up endpoint of one pool: the flows of `Announcer` and `Sweeper` in virtual time.
/// What is decided, ``Ledger`` and ``Projection`` decide.
final class EndpointShell {
    private let store: LedgerStore
    private let service: Service
    private let projector: ProjectorShell
    private let process = Process()
    private unowned let world: World
    private var waiting: [Call] = []
    private var isRunning = false
    private var updatedAt: Milliseconds = -1.hours
    private var isSweeping = false
    private var outage = Outage()

    private struct Call {
        let jobs: [Job]
        let closed: [Job]
        let done: (Bool) -> Void
    }

    /// As in `Ledger.updateSpacing`.
    private static let updateSpacing: Milliseconds = 250
    /// As in `Sweep.room`.
    private static let sweepRoom = 4_000

    init(store: LedgerStore, service: Service) {
        self.store = store
        self.service = service
        world = service.world
        projector = ProjectorShell(store: store, service: service, process)
        planSweep()
    }

    private var isAway: Bool {
        outage.isOn(at: world.now, perHour: world.faults.endpointOutages, &world.chance)
    }

    // MARK: Run tasks

    /// A post stage: ends jobs that are over and that no agent holds. It is passed whatever comes
    /// of it.
    func close(_ jobs: [Job], done: @escaping (Bool) -> Void) {
        guard !isAway else { return world.after(1.seconds...5.seconds) { done(false) } }
        done(true)
        enqueue(Call(jobs: [], closed: jobs) { _ in })
    }

    /// - Parameter done: false for a 503 and for no answer at all.
    func announce(_ job: Job, closing closed: [Job], done: @escaping (Bool) -> Void) {
        guard !isAway else { return world.after(1.seconds...5.seconds) { done(false) } }
        // A request ends after 8 s whatever becomes of it (`Endpoint.budget`).
        var isAnswered = false
        let answer = { (fine: Bool) in
            guard !isAnswered else { return }
            isAnswered = true
            done(fine)
        }
        world.after(8.seconds) { answer(false) }
        enqueue(Call(jobs: [job], closed: closed, done: answer))
    }

    private func enqueue(_ call: Call) {
        waiting.append(call)
        guard !isRunning else { return }
        isRunning = true
        drainWaiting()
    }

    private func drainWaiting() {
        guard !waiting.isEmpty else {
            isRunning = false
            return
        }
        world.after(updatedAt + Self.updateSpacing - world.now) { [self] in
            let batch = waiting
            waiting = []
            write(batch) { [self] fine in
                for call in batch { call.done(fine) }
                drainWaiting()
            }
        }
    }

    private enum Effect {
        case raised
        case repeated
        case none
    }

    private func write(_ batch: [Call], done: @escaping (Bool) -> Void) {
        store.change(by: nil, process, skew: 0) { ledger, limits, now in
            let before = ledger.size
            var isKnown = false
            for call in batch {
                for job in call.jobs where ledger.jobs[job].map({ $0.task == nil }) ?? false {
                    isKnown = true
                }
            }
            // Whichever call came first: a job that a later stage closes is over.
            let over = Set(batch.flatMap(\.closed))
            ledger.close(over)
            for job in batch.flatMap(\.jobs) where !over.contains(job) {
                ledger.announce(job, at: now, limits)
            }
            return ledger.size != before ? Effect.raised : isKnown ? .repeated : .none
        } done: { [self] result in
            guard case .success(let change) = result else { return done(false) }
            if world.chance.happens(world.faults.endpointDies) {
                world.tell("the endpoint dies between ledger and service")
                return world.after(1.seconds...3.seconds) { done(false) }
            }
            follow(change.ledger, change.answer, done)
        }
    }

    private func follow(_ ledger: Ledger, _ effect: Effect, _ done: @escaping (Bool) -> Void) {
        switch effect {
        case .none:
            done(true)
        case .raised:
            project(ledger, nil, done)
        case .repeated:
            service.describe { [self] counts in
                guard let counts else { return done(false) }
                project(ledger, counts, done)
            }
        }
    }

    private func project(
        _ ledger: Ledger,
        _ counts: Service.Counts?,
        _ done: @escaping (Bool) -> Void
    ) {
        projector.project(ledger, counts: counts) { [self] outcome in
            updatedAt = world.now
            done(outcome != nil)
        }
    }

    // MARK: The sweep

    private func planSweep() {
        world.after(1.minutes) { [self] in
            if !isSweeping, !isAway { sweep() }
            planSweep()
        }
    }

    private func sweep() {
        isSweeping = true
        tidy(live: nil) { [self] ledger in
            guard let ledger else {
                isSweeping = false
                return
            }
            guard ledger.needsList(at: world.wallTime()) else { return search(ledger) }
            service.list { [self] live in
                guard let live else { return search(ledger) }
                tidy(live: live) { [self] in search($0 ?? ledger) }
            }
        }
    }

    private func finishedJobs() -> Set<Job> {
        guard world.setup.hasToken else { return [] }
        return OurPolicy.state(of: service.pool).finishedJobs(over: world.setup.patience)
    }

    private func search(_ ledger: Ledger) {
        search(unknownTo: ledger) { [self] in repair() }
    }

    private func tidy(live: Set<TaskID>?, _ done: @escaping (Ledger?) -> Void) {
        let patience = world.setup.hasToken ? nil : world.setup.patience
        let finished = finishedJobs()
        store.change(by: nil, process, skew: 0) { ledger, limits, now in
            ledger.tidy(
                live: live,
                finished: finished,
                patience: patience.map { .milliseconds($0) },
                besideIdle: false,
                at: now,
                limits
            )
        } done: { result in
            if case .success(let change) = result { done(change.ledger) } else { done(nil) }
        }
    }

    private func search(unknownTo ledger: Ledger, _ done: @escaping () -> Void) {
        guard world.setup.hasToken else { return done() }
        world.tally.calls.hcpTerraform += 1
        world.after(150...600) { [self] in
            // The ledger was read first, as `Sweep` demands.
            let space = max(0, Self.sweepRoom - ledger.jobs.count)
            let jobs = service.pool.openRuns.compactMap(\.waitingJob)
                .filter { ledger.jobs[$0] == nil }
            guard !jobs.isEmpty else { return done() }
            enqueue(Call(jobs: Array(jobs.prefix(space)), closed: []) { _ in done() })
        }
    }

    private func repair() {
        service.describe { [self] counts in
            guard let counts else {
                isSweeping = false
                return
            }
            projector.project(nil, counts: counts) { [self] _ in isSweeping = false }
        }
    }
}
