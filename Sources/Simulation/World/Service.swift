import Decisions
import Model
import Rules

/// An ECS service in virtual time: plans the turns of its ``ServiceState``, performs what they
/// decide, and answers calls as late, as wrong or not at all as they are in life.
final class Service: TaskHost {
    unowned let world: World
    let index: Int
    unowned let pool: any AgentHost
    private let companion: (AgentTask) -> any Companion
    /// As they are deployed now.
    private(set) var limits: Limits
    private(set) var state: ServiceState
    /// Not stopped yet, oldest first, and so in the order of their numbers.
    private(set) var tasks: [AgentTask] = []
    /// A person set the count, so what ECS stops for that is nobody's fault here.
    private(set) var editedByPerson = false
    private var editedAt: Milliseconds = -1.hours
    private var turnPlanned = false
    /// When a turn is due though nothing happens until then.
    private var lookAt: Milliseconds = .max
    private var past: [Moment] = []
    /// As they were before the last change, where a script may ask for that.
    private var before: (counts: Counts, tasks: Set<TaskID>)?
    private var protectionOutage = Outage()
    private var startOutage = Outage()
    /// Revisions of the task definition that cannot start.
    private var broken: [Int: StartFailure] = [:]
    private var newestRevision = 1
    /// Set once a person ends the pool or the service.
    private(set) var ending: Ending?

    /// Counts as they were, since ECS's answers lag.
    private struct Moment {
        let at: Milliseconds
        let counts: Counts
    }

    /// - Parameters:
    ///   - index: of its pool.
    ///   - companion: makes what runs in a task.
    init(
        _ index: Int,
        agents pool: any AgentHost,
        world: World,
        companion: @escaping (AgentTask) -> any Companion
    ) {
        self.index = index
        self.pool = pool
        self.world = world
        self.companion = companion
        limits = world.setup.limits
        state = ServiceState(
            world.setup.deployed,
            replacement: world.setup.replacement,
            desired: world.setup.stage?.desired ?? world.terms.firstCount,
            pace: world.setup.stage == nil ? ServiceState.pace : Pace(first: 0, longest: 0)
        )
        world.after(0) { [self] in planTurn(0...1.seconds) }
    }

    func close() {
        for task in tasks { task.close() }
        tasks = []
    }

    func furnish(_ task: AgentTask) -> any Companion { companion(task) }

    private func note(_ fact: @autoclosure () -> Fact) { world.state(fact(), in: index) }

    var desired: Int { state.desired }
    /// Tasks that ECS counts: starting or running, not asked to stop.
    var counting: Int { state.counting }
    var running: Int { state.running }
    var isDeleted: Bool { state.status != .active }

    // MARK: The API

    struct Counts {
        let desired: Int
        let running: Int
        /// False once the service is being deleted.
        let isActive: Bool
        let deployments: [Model.Deployment]
    }

    private var counts: Counts {
        Counts(
            desired: desired,
            running: running,
            isActive: !isDeleted,
            deployments: state.deployments
        )
    }

    /// What `UpdateService` answers.
    enum UpdateAnswer {
        case updated(Counts)
        /// `ServiceNotActiveException`.
        case notActive
        case unchanged
        case unclear
    }

    /// Past the ledger.
    func edit(_ count: Int) {
        guard !isDeleted else { return }
        editedByPerson = true
        editedAt = world.now
        setDesired(count)
    }

    /// `UpdateService` as it takes effect; none on a service that is being deleted.
    private func setDesired(_ count: Int) {
        guard count != desired, !isDeleted else { return }
        remember()
        world.tell("service \(index): desiredCount \(desired) -> \(count)")
        let before = desired
        try? state.setDesired(count, at: world.now) { world.chance.below($0) }
        note(
            .desiredCount(from: before, to: desired, by: editedByPerson ? .person : .system)
        )
        planTurn(500...6.seconds)
    }

    /// `UpdateService` as a call: throttled, failed or lost as calls are.
    func update(_ count: Int, by caller: Caller? = nil, done: @escaping (UpdateAnswer) -> Void) {
        if let prompter = world.prompter {
            return prompter.wait(caller) { [self] fate in
                if fate != .failedBefore, count != desired, !isDeleted {
                    editedByPerson = false
                    setDesired(count)
                }
                switch fate {
                case .answered: done(isDeleted ? .notActive : .updated(counts))
                case .failedAfter, .blind: done(.unclear)
                default: done(.unchanged)
                }
            }
        }
        admit(\.account.serviceModify) { [self] isAdmitted in
            guard isAdmitted else { return done(.unchanged) }
            let fate = world.fate()
            world.after(40...200) { [self] in
                if fate != .failedBefore, !isDeleted {
                    // One that could not have seen the edit yet undoes it, and is no fault of ours.
                    if world.now - editedAt > world.faults[.lag] { editedByPerson = false }
                    setDesired(count)
                }
                let counts = counts
                world.after(fate == .answered ? 20...80 : 2.seconds...10.seconds) {
                    switch fate {
                    case .answered: done(counts.isActive ? .updated(counts) : .notActive)
                    case .failedBefore: done(.unchanged)
                    case .failedAfter: done(.unclear)
                    }
                }
            }
        }
    }

    /// `DescribeServices`; the counts may be old.
    func describe(by caller: Caller? = nil, done: @escaping (Counts?) -> Void) {
        if let prompter = world.prompter {
            return prompter.wait(caller) { [self] fate in
                switch fate {
                case .stale: done(before?.counts ?? counts)
                case .failedBefore, .blind: done(nil)
                default: done(counts)
                }
            }
        }
        admit(\.account.serviceRead) { [self] isAdmitted in
            let fails = !isAdmitted || world.fate() != .answered
            world.after(30...150) { [self] in done(fails ? nil : seen()) }
        }
    }

    /// `ListTasks`, page by page; tasks that started lately may be missing, ones that stopped may
    /// still be there.
    func list(by caller: Caller? = nil, done: @escaping (Set<TaskID>?) -> Void) {
        if let prompter = world.prompter {
            return prompter.wait(caller) { [self] fate in
                switch fate {
                case .stale: done(before?.tasks ?? listed)
                case .failedBefore: done(nil)
                default: done(listed)
                }
            }
        }
        let pages = max(1, (tasks.count + Account.tasksPerPage - 1) / Account.tasksPerPage)
        admit(\.account.resourceRead, pages) { [self] isAdmitted in
            let fails = !isAdmitted || world.fate() != .answered
            world.after(30 * pages...150 * pages) { [self] in
                guard !fails else { return done(nil) }
                let lag = world.chance.within(0...world.faults[.lag])
                if lag > 0 { world.tally.played[.lag] += 1 }
                done(Set(tasks.filter { $0.startedAt <= world.now - lag }.map(\.id)))
            }
        }
    }

    /// Tasks that are asked to stop are listed no more.
    private var listed: Set<TaskID> {
        Set(tasks.filter { state.member($0.number)?.phase != .stopping }.map(\.id))
    }

    /// `DescribeTasks` of one task; what it says of the start never changes.
    func start(of task: AgentTask, done: @escaping (TaskStart?) -> Void) {
        if world.prompter != nil { return done(start(of: task)) }
        admit(\.account.resourceRead) { [self] isAdmitted in
            let fails = !isAdmitted || world.fate() != .answered
            world.after(30...150) { [self] in
                done(fails ? nil : start(of: task))
            }
        }
    }

    private func start(of task: AgentTask) -> TaskStart {
        TaskStart(
            deployment: "\(task.deployment)",
            createdAt: world.wallTime(of: task.startedAt)
        )
    }

    /// Calls that are throttled are made again after a pause, as AWS's clients and ours do.
    private func admit(
        _ bucket: ReferenceWritableKeyPath<World, TokenBucket>,
        _ calls: Int = 1,
        attempt: Int = 1,
        done: @escaping (Bool) -> Void
    ) {
        world.tally.calls.ecs += calls
        if world[keyPath: bucket].take(calls, at: world.now) { return done(true) }
        guard attempt < Self.maximumAttempts else { return done(false) }
        world.after(world.chance.wait(.afterFailure, afterTry: attempt)) { [self] in
            admit(bucket, calls, attempt: attempt + 1, done: done)
        }
    }

    /// As in `AWSClient.maximumAttempts`.
    static let maximumAttempts = 6

    private func seen() -> Counts {
        let lag = world.chance.within(0...world.faults[.lag])
        if lag > 0 { world.tally.played[.lag] += 1 }
        return past.first { $0.at > world.now - lag }?.counts ?? counts
    }

    /// Notes what was true up to now.
    func remember() {
        if world.isPrompted { before = (counts, listed) }
        guard world.faults[.lag] > 0 else {
            if !past.isEmpty { past = [] }
            return
        }
        past.append(Moment(at: world.now, counts: counts))
        let old = world.now - world.faults[.lag]
        if past.count > 32 || (past.first?.at ?? .max) < old {
            past.removeAll { $0.at < old }
        }
    }

    // MARK: Protection

    enum ProtectionAnswer {
        case protected(for: Milliseconds)
        case blocked
        case refused
        case unclear
    }

    /// `PUT task-protection/v1/state` of the task's own endpoint.
    func protect(_ task: AgentTask, done: @escaping (ProtectionAnswer) -> Void) {
        if let prompter = world.prompter {
            return prompter.wait(.protect, .task(task.number)) { [self] fate in
                let answer = fate == .failedBefore ? .unclear : grant(task)
                done(fate == .answered ? answer : .unclear)
            }
        }
        world.tally.calls.ecs += 1
        let isAway = world.isAway(&protectionOutage, .protectionOutages)
        let fate: World.Fate =
            isAway || !world.account.protection.take(at: world.now) ? .failedBefore : world.fate()
        world.after(40...250) { [self] in
            var answer = ProtectionAnswer.unclear
            if fate != .failedBefore { answer = grant(task) }
            world.after(fate == .answered ? 10...50 : 1.seconds...5.seconds) { [self] in
                guard fate != .answered else { return done(answer) }
                done(isAway && world.chance.below(2) == 0 ? .refused : .unclear)
            }
        }
    }

    /// ECS's own answer to a call that reaches it.
    @discardableResult
    func grant(_ task: AgentTask) -> ProtectionAnswer {
        switch state.protect(task.number, for: world.setup.protection, at: world.clock) {
        case .protected(let until):
            note(.protected(task.id, until: until))
            return .protected(for: world.setup.protection)
        case .blocked: return .blocked
        case .notValid: return .unclear
        }
    }

    /// `GET task-protection/v1/state`.
    ///
    /// - Parameter done: gets what is left of it; nil when nobody knows.
    func protection(of task: AgentTask, done: @escaping (Milliseconds?) -> Void) {
        if let prompter = world.prompter {
            let left = state.protection(of: task.number, at: world.now)
            return done(prompter.fate == .blind ? nil : left)
        }
        world.tally.calls.ecs += 1
        let isAway = world.isAway(&protectionOutage, .protectionOutages)
        let fails =
            isAway || !world.account.protection.take(at: world.now) || world.fate() != .answered
        world.after(fails ? 1.seconds...5.seconds : 40...250) { [self] in
            done(fails ? nil : state.protection(of: task.number, at: world.now))
        }
    }

    /// The task gives its protection back.
    ///
    /// - Parameter done: gets false where nobody knows whether it is.
    func unprotect(_ task: AgentTask, done: @escaping (Bool) -> Void) {
        if let prompter = world.prompter {
            return prompter.wait(.unprotect, .task(task.number)) { [self] fate in
                if fate == .answered { takeBack(task) }
                done(fate == .answered)
            }
        }
        world.tally.calls.ecs += 1
        let isThrottled = !world.account.protection.take(at: world.now)
        let fate: World.Fate = isThrottled ? .failedBefore : world.fate()
        world.after(40...250) { [self] in
            if fate != .failedBefore { takeBack(task) }
            world.after(10...50) { done(fate == .answered) }
        }
    }

    private func takeBack(_ task: AgentTask) {
        state.unprotect(task.number)
        note(.unprotected(task.id))
        planTurn(1.seconds...5.seconds)
    }

    // MARK: The scheduler

    func planTurn(_ delay: ClosedRange<Milliseconds>) {
        guard !turnPlanned, !world.isPrompted else { return }
        turnPlanned = true
        world.after(delay) { [self] in
            turnPlanned = false
            turn()
        }
    }

    private func turn() {
        remember()
        let turn = state.turn(at: world.now, launches: &world.account.launches) {
            world.chance.below($0)
        }
        perform(turn)
        if let next = turn.nextAt { look(at: next) }
    }

    /// The turn that starts so many tasks and stops these, if there is one.
    ///
    /// - Returns: false where no choice of the scheduler's comes to that.
    func turn(starting: Int, stopping: Set<Int>) -> Bool {
        for choice in 0..<Self.mostChoices {
            var (next, rest) = (state, choice)
            var launches = TokenBucket(burst: starting, perSecond: 1)
            let turn = next.turn(at: world.now, launches: &launches) { bound in
                defer { rest /= bound }
                return rest % bound
            }
            guard turn.starts == starting, turn.stops == stopping else { continue }
            remember()
            state = next
            perform(turn)
            return true
        }
        return false
    }

    /// More than a scheduler with three tasks has.
    private static let mostChoices = 36

    private func perform(_ turn: ServiceState.Turn) {
        for decision in turn.decisions {
            switch decision {
            case .start(let number, let deployment, let revision):
                start(number, deployment, revision)
            case .stop(let number, let stop): self.stop(number, stop)
            }
        }
    }

    /// A protection that ends in hours is no turn that a nearer one could wait for.
    private func look(at instant: Milliseconds) {
        guard instant < lookAt else { return }
        lookAt = instant
        world.after(instant - world.now) { [self] in
            guard lookAt == instant else { return }
            lookAt = .max
            planTurn(0...1.seconds)
        }
    }

    private func start(_ number: Int, _ deployment: DeploymentID, _ revision: Int) {
        let failure = failure(of: revision)
        if let failure, failure.isUnplaced {
            world.tell("service \(index): \(failure.reason)")
            state.unplaced(number, failure, at: world.now)
            return planTurn(500...2.seconds)
        }
        let task = AgentTask(
            service: self,
            world: world,
            number: number,
            deployment: deployment,
            revision: revision,
            failure: failure
        )
        tasks.append(task)
        task.begin()
    }

    private func failure(of revision: Int) -> StartFailure? {
        let fails = world.isAway(&startOutage, .startOutages) || world.happens(.bootFails)
        return fails ? world.chance.pick(StartFailure.allCases) : broken[revision]
    }

    private func stop(_ number: Int, _ stop: Stop) {
        guard let task = index(of: number).map({ tasks[$0] }) else { return }
        world.tell("ECS stops \(task.id): \(stop.reason)")
        let cause: Fact.StopCause =
            isDeleted
            ? .deletion
            : editedByPerson ? .personsScaleIn : task.isOutdated ? .deployment : .scaleIn
        note(.stopped(task.id, cause))
        task.scaleIn(stop)
    }

    private func index(of number: Int) -> Int? {
        var low = 0
        var high = tasks.count
        while low < high {
            let middle = (low + high) / 2
            if tasks[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low < tasks.count && tasks[low].number == number ? low : nil
    }

    // MARK: What its tasks tell it

    func ran(_ task: AgentTask) { state.ran(task.number, at: world.now) }

    func leaves(_ task: AgentTask, failsToStart: Bool) {
        state.leaves(task.number, failsToStart: failsToStart, at: world.now)
        planTurn(500...4.seconds)
    }

    func taskStopped(_ task: AgentTask) {
        if let index = index(of: task.number) { tasks.remove(at: index) }
        state.stopped(task.number, at: world.now)
        planTurn(500...4.seconds)
    }

    // MARK: Deployments

    /// What a person deploys.
    enum NewDeployment: Equatable {
        case revision
        /// The same task definition again.
        case forced
        /// A revision whose tasks cannot start.
        case broken(StartFailure)
    }

    func deploy(_ kind: NewDeployment) {
        remember()
        let next = newestRevision + 1
        do {
            try state.deploy(kind == .forced ? nil : next, at: world.now)
        } catch {
            return world.tell("service \(index) deploys nothing: \(error.message)")
        }
        if kind != .forced { newestRevision = next }
        if case .broken(let failure) = kind {
            broken[next] = failure
            // Somebody notices, sooner or later.
            world.after(5.minutes...180.minutes) { [self] in mend() }
        }
        world.tell("service \(index): \(state.primary.id) deploys \(kind)")
        planTurn(500...6.seconds)
    }

    /// A person finds out that what is deployed cannot start, and deploys what can.
    func mend() {
        let primary = state.primary
        if broken[primary.taskDefinition] != nil || primary.rollout == .failed { deploy(.revision) }
    }
}

/// How a person ends a service.
enum Ending: CaseIterable {
    /// The limits become 0 and 0, and no more.
    case limits
    /// The limits go, the count is set to 0 and the service deleted once ECS does so, as
    /// `terraform destroy` does; one that fails is begun again.
    case destroyed
    /// `DeleteService` with `force`.
    case deleted
}

extension Service {
    func end(_ ending: Ending) {
        guard self.ending == nil else { return }
        self.ending = ending
        world.tell("service \(index) is ended: \(ending)")
        switch ending {
        case .limits: endLimits()
        case .destroyed:
            endLimits()
            destroy()
        case .deleted: delete(force: true)
        }
    }

    private func endLimits() {
        limits = Limits(desiredCount: 0, maxCount: 0, spareCount: 0) ?? limits
        note(.limitsEnd)
    }

    private func destroy() {
        edit(0)
        world.after(10.seconds...2.minutes) { [self] in
            if delete(force: false) { return }
            world.after(10.minutes...60.minutes) { [self] in destroy() }
        }
    }

    /// - Returns: false where ECS refuses.
    @discardableResult
    private func delete(force: Bool) -> Bool {
        remember()
        let before = desired
        do {
            try state.delete(force: force, at: world.now)
        } catch {
            world.tell("service \(index) is not deleted: \(error.message)")
            return false
        }
        world.tell("service \(index) is deleted")
        note(.desiredCount(from: before, to: 0, by: .person))
        note(.serviceEnds)
        planTurn(500...6.seconds)
        return true
    }
}

/// What is known after a call failed.
enum CallFailure: Error {
    case unchanged
    case unclear
}

extension ServiceState.Turn {
    fileprivate var starts: Int {
        decisions.reduce(0) { if case .start = $1 { $0 + 1 } else { $0 } }
    }

    fileprivate var stops: Set<Int> {
        Set(decisions.compactMap { if case .stop(let number, _) = $0 { number } else { nil } })
    }
}

extension Prompter {
    /// A call that nobody names is made at once, as a part of the present step.
    func wait(_ caller: Caller?, _ action: @escaping (Script.Fate) -> Void) {
        guard let caller else { return action(fate) }
        wait(caller.act, caller.who, action)
    }
}
