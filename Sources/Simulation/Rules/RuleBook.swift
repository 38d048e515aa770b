import Decisions

/// A rule of the design, broken.
package struct Violation: Sendable, Equatable, CustomStringConvertible {
    package let rule: Rule
    /// When, in milliseconds of virtual time.
    package let at: Int
    package let text: String

    package var description: String { "rule \(rule.rawValue) at \(at / 1_000) s: \(text)" }
}

/// The promises of the README, by their numbers there.
package enum Rule: Int, Sendable, CaseIterable {
    case protected = 1
    case oneSignal = 2
    case runFirst = 3
    case lowering = 4
    case exposed = 5
    case unknownIsBusy = 6
    case rest = 7

    package var title: String {
        switch self {
        case .protected: "a live agent's task is protected, and scaling in stops none"
        case .oneSignal: "an agent gets at most one stop signal"
        case .runFirst: "no run that has an agent is lost to this system"
        case .lowering: "size falls by at most one for each task, after its agent has exited"
        case .exposed: "nothing lowers the service while an agent lives unprotected"
        case .unknownIsBusy: "only an agent last heard to be idle is asked to leave"
        case .rest: "without jobs and faults the service rests at desired_count"
        }
    }
}

/// Watches a world and notes every broken rule. Knows the truth, not only what sidecars believe.
final class RuleBook {
    private(set) var violations: [Violation] = []
    private let limits: Limits
    private var now: Milliseconds = 0
    private var heardIdle: Set<TaskID> = []
    private var heardNothing: Set<TaskID> = []
    /// Tasks whose sidecars try to enter their exposure, and cannot reach the ledger.
    private var waitsForEntry: Set<TaskID> = []
    /// Tasks beside which the service was lowered while they were among those.
    private var loweredBeside: Set<TaskID> = []
    /// How often ECS stopped such an agent, or something was lowered beside it.
    private(set) var bothAway = 0
    /// How often a deployment stopped an agent that was known to be unprotected.
    private(set) var deployedOver = 0

    /// A state that breaks a rule is seen after each event while it lasts, and said once.
    private var said: Set<String> = []
    private static let enough = 20

    init(limits: Limits) { self.limits = limits }

    func note(_ rule: Rule, _ text: @autoclosure () -> String) {
        guard violations.count < Self.enough else { return }
        let text = text()
        guard said.insert(text).inserted else { return }
        violations.append(Violation(rule: rule, at: now, text: text))
    }

    /// After every event.
    func check(_ world: World) {
        now = world.now
        for pool in world.pools {
            for task in pool.service.tasks where task.agent.mayLive && !task.isProtected {
                guard !isExcused(task, pool) else { continue }
                note(.protected, "\(task.id) is not protected while its agent lives")
            }
        }
    }

    /// An agent may run unprotected once the ledger says so. Where protection and ledger have both
    /// been away for two minutes the run comes first, and the entry follows as soon as it can.
    private func isExcused(_ task: AgentTask, _ pool: Pool) -> Bool {
        if waitsForEntry.contains(task.id) { return true }
        return OurPolicy.state(of: pool).store.table.ledger.exposed[task.id] != nil
    }

    /// At the end of a calm phase: everything is done and nothing is left.
    ///
    /// An agent whose last line could not be read is unknown until its next one, and unknown is
    /// busy: it stays, and with it what it may hold.
    func checkRest(_ pool: Pool, limits: Limits, isAtRest: Bool, mayRest: Bool) {
        let service = pool.service
        now = service.world.now
        for run in pool.openRuns.prefix(3) {
            note(.runFirst, "\(run.id) never ended; it is \(run.state)")
        }
        // Spare agents stay as well.
        let floor = limits.want(jobs: 0)
        let unknown = unknownAgents(in: pool)
        let rest = floor...floor + unknown.count
        if !rest.contains(service.desired) {
            note(.rest, "desiredCount is \(service.desired) where \(floor) should be")
        }
        if mayRest, service.running != service.desired || service.counting != service.desired {
            note(.rest, "\(service.running) tasks run where \(service.desired) should")
        }
        let ledger = OurPolicy.state(of: pool).store.table.ledger
        // A ledger that was never written says nothing.
        if ledger.version > 0, ledger.size != service.desired {
            note(.rest, "the ledger's size is \(ledger.size), the service's \(service.desired)")
        }
        // Only an idle agent tidies.
        if unknown.isEmpty, !ledger.jobs.isEmpty {
            note(.rest, "the ledger holds \(ledger.jobs.keys.sorted())")
        }
        if !ledger.leaving.isEmpty {
            note(.rest, "the ledger has \(ledger.leaving.keys.sorted()) leaving")
        }
        if !ledger.exposed.isEmpty {
            note(.rest, "the ledger has \(ledger.exposed.keys.sorted()) exposed")
        }
        if mayRest, !isAtRest {
            note(.rest, "tasks started or stopped at the end of the calm phase")
        }
    }

    /// Tasks whose sidecar does not know whether the agent works.
    func unknownAgents(in pool: Pool) -> [AgentTask] {
        pool.service.tasks.filter { heardNothing.contains($0.id) }
    }

    // MARK: What happens

    func agentStarted(_ task: AgentTask) { now = task.world.now }

    func signalled(_ task: AgentTask) {
        now = task.world.now
        guard task.agent.signals > 1 else { return }
        note(.oneSignal, "the agent of \(task.id) got \(task.agent.signals) stop signals")
    }

    func scaledIn(_ task: AgentTask) {
        now = task.world.now
        guard task.agent.mayLive, !task.service.editedByPerson else { return }
        guard !isUnentered(task) else { return bothAway += 1 }
        guard !isDeployedOver(task) else { return deployedOver += 1 }
        note(.protected, "ECS scaled in \(task.id) while its agent lives")
    }

    func jobLost(_ job: PoolJob, with task: AgentTask) {
        now = task.world.now
        guard !task.hasOutsideCause, !task.wasUnentered else { return }
        note(.runFirst, "\(job.job) was lost with the agent of \(task.id)")
    }

    func ledgerWritten(
        from old: Ledger,
        to new: Ledger,
        by writer: AgentTask?,
        _ table: LedgerTable
    ) {
        now = table.world.now
        if new.version != old.version + 1 {
            let who = writer?.id.text ?? "the endpoint"
            note(.lowering, "\(who) wrote the ledger over a change that it had not read")
        }
        let fall = old.size - new.size
        guard fall > 0 else { return }
        guard let writer else {
            return note(.lowering, "the endpoint lowered size by \(fall)")
        }
        if fall > 1 { note(.lowering, "\(writer.id) lowered size by \(fall) with one write") }
        if writer.hasLowered { note(.lowering, "\(writer.id) lowered size a second time") }
        if writer.agent.mayLive {
            note(.lowering, "\(writer.id) lowered size while its agent lives")
        }
        // Agents that fail to start are not started at any rate.
        if new.size < limits.desiredCount, new.failedStarts == nil {
            note(.rest, "size fell to \(new.size), desired_count is \(limits.desiredCount)")
        }
    }

    func desiredChanged(from before: Int, in service: Service) {
        now = service.world.now
        guard service.desired < before, !service.editedByPerson else { return }
        for task in service.tasks where task.agent.mayLive && !task.isProtected {
            guard !waitsForEntry.contains(task.id) else {
                bothAway += 1
                loweredBeside.insert(task.id)
                continue
            }
            note(
                .exposed,
                "desiredCount fell from \(before) to \(service.desired) while the agent of "
                    + "\(task.id) lives unprotected"
            )
        }
    }

    /// What the launcher said last; nil when it cannot be known.
    func heard(_ event: AgentEvent?, by task: AgentTask) {
        now = task.world.now
        if event == .waiting { heardIdle.insert(task.id) } else { heardIdle.remove(task.id) }
        if event == nil { heardNothing.insert(task.id) } else { heardNothing.remove(task.id) }
    }

    /// ECS may stop this agent, and nobody could tell the ledger in time.
    func isUnentered(_ task: AgentTask) -> Bool {
        waitsForEntry.contains(task.id) || loweredBeside.contains(task.id)
    }

    /// A person deploys while a task is unprotected, and the ledger says that it is: protection is
    /// all that holds a deployment back.
    func isDeployedOver(_ task: AgentTask) -> Bool {
        task.isOutdated && isExcused(task, task.service.pool)
    }

    /// A sidecar's entry of its exposure in the ledger.
    func expose(_ task: AgentTask, isPending: Bool) {
        if isPending { waitsForEntry.insert(task.id) } else { waitsForEntry.remove(task.id) }
    }

    func drainAsked(_ task: AgentTask) {
        now = task.world.now
        guard !heardIdle.contains(task.id) else { return }
        note(.unknownIsBusy, "\(task.id) drains its agent, which was not last heard to be idle")
    }

    func reserveAsked(_ task: AgentTask) {
        now = task.world.now
        guard !heardIdle.contains(task.id) else { return }
        note(.unknownIsBusy, "\(task.id) asks to leave; its agent was not last heard to be idle")
    }
}
