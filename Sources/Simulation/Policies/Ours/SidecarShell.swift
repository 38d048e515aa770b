import AgentLink
import Decisions
import Model
import Rules

/// What a sidecar needs of the task that it runs in.
protocol SidecarHost: AnyObject {
    /// The agent may start: a sidecar that comes anew is to know.
    func allowAgent()
    /// Which of the task's agents was named last, on the volume that outlives the sidecar.
    var agentNumber: Int { get set }
    /// What it says to the launcher.
    func say(_ observation: LauncherLife.Observation)
    /// Its process ends by itself.
    func sidecarEnded()
}

/// The sidecar around ``Retirement``: takes what happens, has the directives performed in order,
/// feeds each outcome back. The flows of `SidecarLoop` and `Effects`, in virtual time; no decision
/// is taken here.
final class SidecarShell {
    private let owner: any SidecarHost
    private unowned let world: World
    private let task: AgentTask
    private let installation: Installation
    private let store: VirtualLedgerStore
    private let service: Service
    private var retirement: Retirement
    private let bornAt: Milliseconds
    private let clockSkew: Milliseconds
    private let hasPredecessor: Bool
    private let process: Process
    private let projector: ProjectorShell
    /// What ECS said of the task's start; nil until it was asked.
    private var start: TaskStart?
    /// When the timer is due, and when the queue will next look at it.
    private var wakeAt: Milliseconds = .max
    private var lookAt: Milliseconds = .max
    /// As `LatestChange`: the last change of the ledger's size, until the service has followed it.
    private var latest: Change?

    private struct Change {
        let move: Int
        var ledger: Ledger?
        let at: Milliseconds
        /// In which step of a script.
        let step: Int?
    }

    init(
        of task: AgentTask,
        _ owner: any SidecarHost,
        _ installation: Installation,
        restarted: Bool,
        hasPredecessor: Bool,
        clockSkew: Milliseconds
    ) {
        self.owner = owner
        self.clockSkew = clockSkew
        self.hasPredecessor = hasPredecessor
        self.task = task
        process = Process(.task(task.number))
        self.installation = installation
        world = installation.world
        store = installation.store
        service = installation.service
        projector = ProjectorShell(store: store, service: service, process)
        bornAt = world.clock
        let setup = world.setup
        retirement = Retirement(
            Retirement.Settings(
                idleTimeout: .milliseconds(setup.idleTimeout),
                firstJobTimeout: .milliseconds(setup.firstJobTimeout),
                maxLifetime: setup.maxLifetime.map { .milliseconds($0) },
                renewal: setup.mode == .renewed
                    ? .init(maxJobs: setup.maxJobs, agentNumber: owner.agentNumber) : nil,
                restarted: restarted,
                hasPredecessor: hasPredecessor,
                timing: setup.timing
            )
        )
    }

    func die() { process.lives = false }

    func observe(_ observation: Observation) {
        guard process.lives else { return }
        let steps = retirement.observe(observation, at: instant(world.clock))
        for step in steps { perform(step) }
    }

    // MARK: Directives

    private func perform(_ step: Step) {
        if world.tellsStory { tell(step) }
        switch step.directive {
        case .protect: protect()
        case .unprotect:
            service.unprotect(task) { [self] isSure in
                observe(isSure ? .unprotected : .unprotectFailed("no answer"))
            }
        case .allowAgent: owner.allowAgent()
        case .nameAgent: owner.say(.named(task.id.text))
        case .nameNext(let number):
            // Noted first: a name must not be given twice.
            owner.agentNumber = number
            task.state(.heard(task.id, .unknown))
            owner.say(.nextNamed("\(task.id.text)-\(number)"))
        case .drain:
            task.state(.drainAsked(task.id))
            owner.say(.drainAsked)
        case .release: owner.say(.released)
        case .hold: owner.say(.held)
        case .ledger(let operation): change(operation)
        case .project: project()
        case .compare(let always): compare(always: always)
        case .look: look()
        case .wakeAt(let instant): wake(at: instant)
        case .end: owner.sidecarEnded()
        // Never asked for here: the simulated installation has no API token.
        case .watch: break
        case .warn:
            if case .saysNothing = step.reason, world.setup.broken != .warning {
                task.state(.unknownReported(task.id))
            }
        case .note, .alarm: break
        }
    }

    private func tell(_ step: Step) {
        switch step.directive {
        case .wakeAt, .compare: break
        default: world.tell("\(task.id): \(step.directive), since \(step.reason)")
        }
    }

    /// A time of the world on this process's clock.
    private func instant(_ time: Milliseconds) -> Instant {
        Instant(sinceOrigin: .milliseconds(time - bornAt))
    }

    /// One entry of the queue serves a timer that is set anew with every observation.
    private func wake(at instant: Instant) {
        wakeAt = bornAt + Int(instant.sinceOrigin / .milliseconds(1))
        // A time within a millisecond of now would be asked for for ever.
        if self.instant(wakeAt) < instant { wakeAt += 1 }
        guard wakeAt < lookAt else { return }
        // An entry that became useless stays in the queue until its time comes: a far one would
        // keep its place for as long, and its task in memory.
        lookAt = min(wakeAt, world.now + 5.minutes)
        let planned = lookAt
        world.after(planned - world.now) { [self] in
            guard process.lives, lookAt == planned else { return }
            lookAt = .max
            if wakeAt <= world.now {
                observe(.woke)
            } else if wakeAt != .max {
                wake(at: self.instant(wakeAt))
            }
        }
    }

    private func protect() {
        let time = Duration.milliseconds(world.setup.protection)
        guard world.setup.broken != .protection else {
            world.after(50...200) { [self] in
                world.prompt(.protect, process.who) { [self] in
                    observe(.protection(.protected(for: time)))
                }
            }
            return
        }
        service.protect(task) { [self] answer in
            switch answer {
            case .protected(let time): observe(.protection(.protected(for: .milliseconds(time))))
            case .blocked: lookAfter(.blocked, "DEPLOYMENT_BLOCKED")
            case .refused: lookAfter(.refused("refused"), "refused")
            case .unclear: lookAfter(.unclear("no answer"), "no answer")
            }
        }
    }

    /// What failed, and what is left of an earlier grant, as the real sidecar reads it.
    private func lookAfter(_ report: ProtectionReport, _ cause: String) {
        service.protection(of: task) { [self] left in
            guard process.lives else { return }
            guard let left, left > 0 else { return observe(.protection(report)) }
            observe(.protection(.held(for: .milliseconds(left), cause)))
        }
    }

    private func change(_ operation: LedgerOperation) {
        // Saying it again changes nothing for an entry that is there.
        if operation == .expose, store.table.ledger.exposed[task.id] == nil {
            task.state(.exposing(task.id))
        }
        if case .report(nil, _, _, _) = operation, world.setup.broken == .jobEnd {
            return world.after(20) { [self] in
                observe(.booked(.reported(nil), sizeChanged: false))
            }
        }
        if case .report(let job, _, _, _) = operation,
            let write = operation.byItself(of: task.id, at: world.wallTime(skew: clockSkew))
        {
            return say(write, job, operation)
        }
        guard case .reserve(let aboveSize, let isFresh) = operation else {
            return change(operation, live: nil)
        }
        task.state(.reserveAsked(task.id))
        guard world.prompter != nil else { return change(operation, live: nil) }
        // The ledger has the long times only.
        let isEnough = aboveSize >= world.setup.timing.strayAfter
        let spell = isEnough ? Ledger.strayAfter : .zero
        let reservation = LedgerOperation.reserve(aboveSize: spell, isFresh: isFresh)
        // What a script calls a reservation always lists.
        if world.isPrompted { changeListed(reservation) } else { change(reservation, live: nil) }
    }

    /// Listed before the ledger is read, so that no young task is taken for a dead one.
    private func changeListed(_ operation: LedgerOperation) {
        service.list(by: process.caller(.list)) { [self] live in
            guard process.lives else { return }
            guard let live else { return observe(.ledgerFailed("ECS does not list the tasks")) }
            change(operation, live: live)
        }
    }

    /// The one write that says it; in full where that finds the job otherwise.
    private func say(_ write: JobWrite, _ job: Job?, _ operation: LedgerOperation) {
        store.table.write(write, by: process.caller(.byItself)) { [self] result in
            guard process.lives else { return }
            switch result {
            case .success(true): observe(.booked(.reported(job), sizeChanged: false))
            case .success(false): change(operation, live: nil)
            case .failure: observe(.ledgerFailed("a job could not be written"))
            }
        }
    }

    private func change(_ operation: LedgerOperation, live: Set<TaskID>?) {
        let id = task.id
        // With a token HCP Terraform is asked instead.
        let patience = world.setup.hasToken ? nil : world.setup.patience
        let finished = finishedJobs(operation)
        let isAtMostOneBroken = world.setup.broken == .atMostOne
        let hasPredecessor = hasPredecessor
        let foresees = world.setup.foresees
        let (demand, instant) = (installation.demand, world.now)
        store.change(
            by: task.id,
            process,
            skew: clockSkew,
            knowing: {
                operation.asksDeparted(of: id, live: live, hasPredecessor: hasPredecessor, $0)
            }
        ) { ledger, limits, now -> LedgerReport in
            if case .reserve = operation, let demand, demand.keeps(ledger, at: instant) {
                let staying = ledger.staying
                ledger.uphold(limits, at: now)
                return .reserve(.refused(.needed(staying: staying, want: staying)))
            }
            let report = ledger.apply(
                operation,
                of: id,
                live: live,
                finished: foresees ? finished.union(Foresight.over(ledger, at: now)) : finished,
                patience: patience.map { .milliseconds($0) },
                at: now,
                limits
            )
            if isAtMostOneBroken, report == .departure(.retired) {
                ledger.size = ledger.want(limits) + ledger.surplusLeaving
            }
            return report
        } done: { [self] result in
            switch result {
            case .success(let change):
                if operation == .expose { entryStands() }
                if change.sizeChanged {
                    latest = Change(
                        move: change.ledger.moves,
                        ledger: change.ledger,
                        at: world.now,
                        step: world.prompter?.count
                    )
                } else if live == nil,
                    operation.needsList(
                        after: change.answer,
                        of: id,
                        change.ledger,
                        at: world.wallTime(skew: clockSkew),
                        store.limits
                    )
                {
                    return changeListed(operation)
                }
                observe(.booked(change.answer, sizeChanged: change.sizeChanged))
            case .failure(.unchanged):
                observe(.ledgerFailed("the ledger is unchanged"))
            case .failure(.unclear):
                // What it then follows is whatever the ledger says.
                latest = nil
                let cause = "the ledger may or may not have changed"
                observe(.ledgerFailed(cause, sizeMayHaveChanged: true))
            }
        }
    }

    /// What an idle sidecar with a token learns of one announced job.
    private func finishedJobs(_ operation: LedgerOperation) -> Set<Job> {
        guard case .reserve = operation, world.setup.hasToken else { return [] }
        return installation.finishedJobs(over: 120.seconds)
    }

    /// What was lowered before the entry stood is on its way for half a minute at most, as
    /// `Timing.loweringPatience` says; an agent in order starts only after it.
    private func entryStands() {
        let task = task
        let patience = Int(world.setup.timing.loweringPatience / .milliseconds(1))
        world.after(patience) { task.state(.exposureStands(task.id)) }
    }

    private func project() {
        guard let change = latest else { return projector.project(nil) { [self] in projected($0) } }
        latest?.ledger = nil
        // As in `LatestChange.freshFor`.
        let isFresh = world.now - change.at < 1.seconds && change.step == world.prompter?.count
        projector.follow(
            isFresh ? change.ledger : nil,
            to: change.move,
            isBooked: false
        ) { [self] outcome in
            if outcome != nil, latest?.move == change.move { latest = nil }
            projected(outcome)
        }
    }

    private func projected(_ outcome: ProjectionFlow.Outcome?) {
        switch outcome {
        case .agreed, .still: observe(.projected)
        case .held(let reason, _): observe(.projectionFailed("\(reason)"))
        case nil: observe(.projectionFailed("a call failed"))
        }
    }

    private func compare(always: Bool) {
        store.table.overview(by: process.caller(.compare)) { [self] ledger in
            guard process.lives else { return }
            guard let ledger else { return observe(.compared(nil)) }
            guard ledger.isAdopted else { return adopt() }
            // What every reading of the ledger shows needs no turn.
            let always = always || store.limits.isEnding
            let turns = Comparison.turns(size: ledger.size)
            guard always || world.isPrompted || world.chance.below(turns) == 0 else {
                return observe(.compared(nil))
            }
            // Whether the ledger tries again by itself depends on what the jobs want.
            guard ledger.failedStarts != nil else { return compare(ledger) }
            store.table.read { [self] stored in
                guard process.lives else { return }
                guard let stored else { return observe(.compared(nil)) }
                compare(stored.ledger)
            }
        }
    }

    private func compare(_ ledger: Ledger) {
        service.describe { [self] counts in
            guard process.lives else { return }
            guard let counts else { return observe(.compared(nil)) }
            rollout(in: counts) { [self] in compared(ledger, counts, $0) }
        }
    }

    private func adopt() {
        store.change(by: task.id, process, skew: clockSkew, isWhole: true) { ledger, limits, now in
            ledger.uphold(limits, at: now)
        } done: { [self] _ in
            observe(.compared(nil))
        }
    }

    /// One that is not as it should be counts only if the ledger has not changed meanwhile.
    private func compared(_ ledger: Ledger, _ counts: Service.Counts, _ rollout: Rollout) {
        let seen = Comparison(
            ledger,
            store.limits,
            service: counts.view(in: world),
            running: counts.running,
            rollout: rollout,
            at: world.wallTime(skew: clockSkew)
        )
        guard counts.desired != ledger.size || counts.running > ledger.size else {
            return observe(.compared(seen))
        }
        store.table.counted { [self] counted in
            guard process.lives else { return }
            observe(.compared(counted?.size == ledger.size ? seen : nil))
        }
    }

    /// The task's own start is asked for while a deployment is under way only, and once.
    private func rollout(in counts: Service.Counts, _ done: @escaping (Rollout) -> Void) {
        let deployments = counts.seen(in: world)
        let hasOlder = counts.deployments[0].taskDefinition != task.revision
        guard start == nil, Rollout.isOpen(deployments) else {
            return done(rollout(deployments, hasOlder))
        }
        service.start(of: task) { [self] answer in
            guard process.lives else { return }
            start = answer
            done(rollout(deployments, hasOlder))
        }
    }

    private func rollout(_ deployments: [DeploymentView], _ hasOlder: Bool) -> Rollout {
        var rollout = Rollout(deployments, start: start, hasOlderDefinition: hasOlder)
        if world.setup.broken == .handOver { rollout.isReplacement = false }
        return rollout
    }

    private func look() {
        service.describe(by: process.caller(.deployments)) { [self] counts in
            guard process.lives else { return }
            guard let counts else { return observe(.looked(nil)) }
            rollout(in: counts) { [self] rollout in
                observe(.looked(world.setup.broken == .handOver ? .settled : rollout))
            }
        }
    }

    // MARK: The link

    /// What the launcher says, read as `SidecarLoop` does.
    func hear(_ message: LauncherMessage) {
        switch message {
        case .hello, .silenced, .ping: break
        case .renewed: observe(.agent(.renewed))
        case .spoiled(let reason): observe(.agent(.spoiled(reason.rawValue)))
        case .status(let line): hear(line)
        case .unreadable: hearUnreadable()
        case .stopping: observe(.agent(.stopping))
        case .drained: observe(.agent(.drained))
        case .busy(let processes): observe(.agent(.working(processes: processes)))
        case .exited(let code): observe(.agent(.exited(code: code)))
        }
    }

    private func hear(_ line: String) {
        guard !world.happens(.unreadable), let event = AgentEvent(line: line)
        else { return hearUnreadable() }
        switch event {
        case .registered: break
        case .waiting: task.state(.heard(task.id, .idle))
        default: task.state(.heard(task.id, .busy))
        }
        observe(.agent(event))
    }

    private func hearUnreadable() {
        task.state(.heard(task.id, .unknown))
        let isBroken = world.setup.broken == .unknownIsBusy
        observe(.agent(isBroken ? .waiting : .unreadable))
    }
}

extension AgentEvent {
    /// Reads one of the lines that ``AgentLine`` writes.
    fileprivate init?(line: String) {
        if line == AgentLine.waiting.text {
            self = .waiting
        } else if line == AgentLine.registered.text {
            self = .registered(id: nil)
        } else {
            let words = line.split(separator: " ")
            guard words.count == 5, words[3].hasPrefix("job_type="),
                words[4].hasPrefix("job_id="),
                let job = Job(
                    id: String(words[4].dropFirst(7)),
                    type: String(words[3].dropFirst(9))
                )
            else { return nil }
            self = .received(job)
        }
    }
}

extension Service.Counts {
    /// The deployments as `DescribeServices` lists them.
    fileprivate func seen(in world: World) -> [DeploymentView] {
        deployments.enumerated().map { index, deployment in
            DeploymentView(
                id: "\(deployment.id)",
                isPrimary: index == 0,
                state: .init(rawValue: deployment.rollout.rawValue),
                createdAt: world.wallTime(of: deployment.createdAt),
                running: deployment.running,
                pending: deployment.pending,
                failed: deployment.failedTasks
            )
        }
    }
}
