import Decisions
import Model
import Rules

/// States what happens in a world as facts, to one ``RuleBook`` for each pool's service. It knows
/// the truth, not only what sidecars believe.
final class Recorder {
    private unowned let world: World
    private var books: [RuleBook]
    /// The first ones: one fault tends to break a rule again and again.
    private(set) var violations: [Violation] = []
    private static let enough = 20
    /// How often ECS stopped an agent that ran unprotected while the ledger was away too, or
    /// something was lowered beside it.
    private(set) var bothAway = 0
    /// How often a deployment, or the end of the service, stopped an agent that was known to be
    /// unprotected.
    private(set) var takenBare = 0

    init(_ world: World) {
        self.world = world
        let setup = world.setup
        let book = RuleBook(
            floor: setup.limits.desiredCount,
            isShared: !world.policy.isSingleJob(setup)
        )
        books = Array(repeating: book, count: setup.pools)
        for index in books.indices { take(books[index].see(.noLedger, at: 0)) }
    }

    private func see(_ fact: Fact, in pool: Pool) {
        take(books[pool.index].see(fact, at: world.now))
    }

    private func see(_ fact: Fact, _ task: AgentTask) { see(fact, in: task.service.pool) }

    private func take(_ judgement: Judgement) {
        let room = Self.enough - violations.count
        violations += judgement.violations.prefix(room)
        for excuse in judgement.excuses {
            switch excuse {
            case .bothAway: bothAway += 1
            case .deployedOver, .deletedOver: takenBare += 1
            case .jobLost: break
            }
        }
    }

    /// After every event: a protection may have run out.
    func check() {
        for index in books.indices { take(books[index].pass(to: world.now)) }
    }

    // MARK: Tasks and agents

    func taskStarted(_ task: AgentTask) { see(.taskStarted(task.id), task) }
    func taskStopped(_ task: AgentTask) { see(.taskStopped(task.id), task) }
    func agentStarted(_ task: AgentTask) { see(.agentStarted(task.id), task) }
    func agentEnded(_ task: AgentTask) { see(.agentEnded(task.id), task) }

    func protected(_ task: AgentTask, until end: Milliseconds) {
        see(.protected(task.id, until: end), task)
    }

    func unprotected(_ task: AgentTask) { see(.unprotected(task.id), task) }

    func signalled(_ task: AgentTask) {
        see(.stopSignal(task.id, count: task.agent.signals), task)
    }

    func scaledIn(_ task: AgentTask) {
        let service = task.service
        let cause: Fact.StopCause =
            service.isDeleted
            ? .deletion
            : service.editedByPerson ? .personsScaleIn : task.isOutdated ? .deployment : .scaleIn
        see(.stopped(task.id, cause), task)
    }

    /// A person deploys, or deletes the service, while a task is unprotected and the ledger says
    /// that it is: protection is all that holds either back.
    func isTakenBare(_ task: AgentTask) -> Bool {
        (task.isOutdated || task.service.isDeleted)
            && books[task.service.pool.index].isKnownBare(task.id)
    }

    func received(_ job: HeldJob, by task: AgentTask) { see(.jobReceived(job.job, task.id), task) }
    func ended(_ job: HeldJob, by task: AgentTask) { see(.jobEnded(job.job, task.id), task) }

    func jobLost(_ job: HeldJob, with task: AgentTask) {
        if task.hasOutsideCause { see(.doomed(task.id, cause: "an outside cause"), task) }
        see(.jobLost(job.job, task.id), task)
    }

    func runEnded(_ run: Run) { see(.runEnded(run.id, .asMeant), in: run.pool) }

    // MARK: Ledger and service

    /// - Parameter departures: tasks whose end is booked with it.
    func ledgerWritten(
        from old: Ledger,
        to new: Ledger,
        _ departures: [TaskID: Ledger.Departed],
        by writer: AgentTask?,
        _ table: VirtualLedgerTable
    ) {
        guard let pool = pool(of: table) else { return }
        let write = CountedWrite(
            by: writer?.id,
            versions: .init(old.version, new.version),
            sizes: .init(old.size, new.size),
            departures: departures.keys.sorted(),
            exposed: Set(new.exposed.keys),
            isAdopted: new.isAdopted,
            startsFail: new.failedStarts != nil
        )
        see(.ledgerWritten(write), in: pool)
    }

    func ledgerRaised(_ table: VirtualLedgerTable) {
        guard let pool = pool(of: table) else { return }
        see(.ledgerRaised(isAdopted: table.ledger.isAdopted), in: pool)
    }

    func ledgerLost(_ table: VirtualLedgerTable) {
        guard let pool = pool(of: table) else { return }
        see(.noLedger, in: pool)
    }

    private func pool(of table: VirtualLedgerTable) -> Pool? {
        world.pools.first { OurPolicy.state(of: $0).store.table === table }
    }

    func desiredChanged(from before: Int, in service: Service) {
        see(
            .desiredCount(
                from: before,
                to: service.desired,
                by: service.editedByPerson ? .person : .system
            ),
            in: service.pool
        )
    }

    func limitsEnd(_ service: Service) { see(.limitsEnd, in: service.pool) }

    func serviceDeleted(_ service: Service, from count: Int) {
        see(.desiredCount(from: count, to: 0, by: .person), in: service.pool)
        see(.serviceEnds, in: service.pool)
    }

    // MARK: Sidecars

    func sidecarStarted(_ task: AgentTask) { see(.sidecarStarted(task.id), task) }
    func sidecarEnded(_ task: AgentTask) { see(.sidecarEnded(task.id), task) }
    func unknownReported(_ task: AgentTask) { see(.unknownReported(task.id), task) }

    /// What the launcher said last; nil when it cannot be known.
    func heard(_ event: AgentEvent?, by task: AgentTask) {
        let activity: Fact.Activity =
            switch event {
            case .waiting: .idle
            case nil: .unknown
            default: .busy
            }
        see(.heard(task.id, activity), task)
    }

    /// A sidecar's entry of its exposure in the ledger.
    func expose(_ task: AgentTask, isPending: Bool) {
        see(isPending ? .exposing(task.id) : .exposureStands(task.id), task)
    }

    func drainAsked(_ task: AgentTask) { see(.drainAsked(task.id), task) }
    func reserveAsked(_ task: AgentTask) { see(.reserveAsked(task.id), task) }

    // MARK: The end

    /// At the end of a calm phase: everything is done and nothing is left.
    ///
    /// - Parameter mayRest: false where a maximum lifetime replaces idle agents for ever.
    func checkRest(_ pool: Pool, isAtRest: Bool, mayRest: Bool) {
        let service = pool.service
        var rest = Rest(
            floor: pool.floor,
            desired: service.desired,
            running: service.running,
            quiet: isAtRest ? SafetyTrial.rest : 0,
            watched: SafetyTrial.rest
        )
        rest.changing = service.counting - service.running
        rest.comesAndGoes = !mayRest
        rest.outdated = service.tasks.filter(\.isFromBefore).count
        // Where no agent comes any more runs wait for ever, and their jobs in the ledger with them.
        let hasEnded = service.ending != nil
        if !hasEnded {
            rest.openRuns = pool.openRuns.prefix(3).map {
                .init(id: $0.id, state: $0.life.status.rawValue)
            }
        }
        let ledger = OurPolicy.state(of: pool).store.table.ledger
        // One that was lost, and that no task has written since, says nothing of the service.
        if ledger.isAdopted, !service.isDeleted {
            rest.ledger = .init(
                size: ledger.size,
                jobs: hasEnded ? [] : ledger.jobs.keys.map(\.key),
                leaving: Array(ledger.leaving.keys),
                exposed: Array(ledger.exposed.keys)
            )
        }
        see(.rest(rest), in: pool)
    }

    /// How many tasks' sidecars do not know whether the agent works.
    func unknownAgents(in pool: Pool) -> Int { books[pool.index].unknownTasks }
}
