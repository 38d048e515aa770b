import Decisions

/// An ECS service with its scheduler (ECS developer guide, "Services", "Task scale-in protection").
final class Service {
    unowned let world: World
    unowned let pool: Pool
    private(set) var desired: Int
    /// Not stopped yet, oldest first.
    private(set) var tasks: [AgentTask] = []
    /// A person set the count, so what ECS stops for that is nobody's fault here.
    var editedByPerson = false
    private var turnPlanned = false
    private var failedStarts = 0
    private var nextStartAt: Milliseconds = 0
    private var past: [Moment] = []
    private var protectionOutage = Outage()

    /// Counts as they were, since ECS's answers lag.
    private struct Moment {
        let at: Milliseconds
        let desired: Int
        let running: Int
    }

    init(pool: Pool, world: World) {
        self.pool = pool
        self.world = world
        desired = world.policy.firstCount(world.setup.limits)
        world.after(0) { [self] in planTurn(0...1.seconds) }
    }

    func close() {
        for task in tasks { task.close() }
        tasks = []
    }

    /// Tasks that ECS counts: starting or running, not asked to stop.
    var counting: Int { tasks.reduce(0) { $0 + ($1.isCounting ? 1 : 0) } }
    var running: Int { tasks.reduce(0) { $0 + ($1.state == .running ? 1 : 0) } }

    // MARK: The API

    struct Counts {
        let desired: Int
        let running: Int
    }

    /// `UpdateService` as it takes effect.
    func setDesired(_ count: Int) {
        guard count != desired else { return }
        remember()
        world.tell("service \(pool.index): desiredCount \(desired) -> \(count)")
        let before = desired
        desired = count
        world.rules?.desiredChanged(from: before, in: self)
        planTurn(500...6.seconds)
    }

    /// `UpdateService` as a call: throttled, failed or lost as calls are.
    ///
    /// - Parameter done: gets the new counts; or what is known about a failure.
    func update(_ count: Int, done: @escaping (Result<Counts, CallFailure>) -> Void) {
        admit(\.serviceModify) { [self] isAdmitted in
            guard isAdmitted else { return done(.failure(.unchanged)) }
            let fate = world.fate()
            world.after(40...200) { [self] in
                if fate != .failedBefore {
                    editedByPerson = false
                    setDesired(count)
                }
                let counts = Counts(desired: desired, running: running)
                world.after(fate == .answered ? 20...80 : 2.seconds...10.seconds) {
                    switch fate {
                    case .answered: done(.success(counts))
                    case .failedBefore: done(.failure(.unchanged))
                    case .failedAfter: done(.failure(.unclear))
                    }
                }
            }
        }
    }

    /// `DescribeServices`; the counts may be old.
    func describe(done: @escaping (Counts?) -> Void) {
        admit(\.serviceRead) { [self] isAdmitted in
            let fails = !isAdmitted || world.fate() != .answered
            world.after(30...150) { [self] in done(fails ? nil : seen()) }
        }
    }

    /// `ListTasks`; tasks that started lately may be missing, ones that stopped may still be there.
    func list(done: @escaping (Set<TaskID>?) -> Void) {
        admit(\.resourceRead) { [self] isAdmitted in
            let fails = !isAdmitted || world.fate() != .answered
            world.after(30...150) { [self] in
                guard !fails else { return done(nil) }
                let lag = world.chance.within(0...world.faults.lag)
                done(Set(tasks.filter { $0.startedAt <= world.now - lag }.map(\.id)))
            }
        }
    }

    /// Calls that are throttled are made again after a pause, as AWS's clients and ours do.
    private func admit(
        _ bucket: ReferenceWritableKeyPath<World, TokenBucket>,
        attempt: Int = 1,
        done: @escaping (Bool) -> Void
    ) {
        world.tally.calls.ecs += 1
        if world[keyPath: bucket].take(at: world.now) { return done(true) }
        guard attempt < Self.maximumAttempts else { return done(false) }
        let longest = min(100 << (attempt - 1), 2_000)
        world.after(world.chance.below(longest + 1)) { [self] in
            admit(bucket, attempt: attempt + 1, done: done)
        }
    }

    /// As in `AWSClient.maximumAttempts`.
    static let maximumAttempts = 6

    private func seen() -> Counts {
        let at = world.now - world.chance.within(0...world.faults.lag)
        if let old = past.first(where: { $0.at > at }) {
            return Counts(desired: old.desired, running: old.running)
        }
        return Counts(desired: desired, running: running)
    }

    /// Notes what was true up to now.
    func remember() {
        guard world.faults.lag > 0 else {
            if !past.isEmpty { past = [] }
            return
        }
        past.append(Moment(at: world.now, desired: desired, running: running))
        let old = world.now - world.faults.lag
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
    func protect(
        _ task: AgentTask,
        minutes: Int,
        done: @escaping (ProtectionAnswer) -> Void
    ) {
        world.tally.calls.ecs += 1
        let isAway = protectionOutage.isOn(
            at: world.now,
            perHour: world.faults.protectionOutages,
            &world.chance
        )
        let fate: World.Fate =
            isAway || !world.protectionCalls.take(at: world.now) ? .failedBefore : world.fate()
        world.after(40...250) { [self] in
            var answer = ProtectionAnswer.unclear
            if fate != .failedBefore { answer = grant(task, minutes) }
            world.after(fate == .answered ? 10...50 : 1.seconds...5.seconds) { [self] in
                guard fate != .answered else { return done(answer) }
                done(isAway && world.chance.below(2) == 0 ? .refused : .unclear)
            }
        }
    }

    private func grant(_ task: AgentTask, _ minutes: Int) -> ProtectionAnswer {
        guard task.state != .stopped else { return .unclear }
        let others = tasks.reduce(0) {
            $0 + ($1 !== task && $1.state != .stopped && $1.isProtected ? 1 : 0)
        }
        guard others < desired else { return .blocked }
        task.protectedUntil = world.now + minutes.minutes
        world.after(minutes.minutes + 1) { [self] in
            if !task.isProtected, task.state != .stopped { planTurn(1.seconds...5.seconds) }
        }
        return .protected(for: minutes.minutes)
    }

    /// `GET task-protection/v1/state`.
    ///
    /// - Parameter done: gets what is left of it; nil when nobody knows.
    func protection(of task: AgentTask, done: @escaping (Milliseconds?) -> Void) {
        world.tally.calls.ecs += 1
        let isAway = protectionOutage.isOn(
            at: world.now,
            perHour: world.faults.protectionOutages,
            &world.chance
        )
        let fails =
            isAway || !world.protectionCalls.take(at: world.now) || world.fate() != .answered
        world.after(fails ? 1.seconds...5.seconds : 40...250) { [self] in
            done(fails ? nil : max(0, task.protectedUntil - world.now))
        }
    }

    /// The task gives its protection back.
    func unprotect(_ task: AgentTask, done: @escaping () -> Void) {
        world.tally.calls.ecs += 1
        let fate = world.fate()
        world.after(40...250) { [self] in
            if fate != .failedBefore {
                task.protectedUntil = 0
                planTurn(1.seconds...5.seconds)
            }
            world.after(10...50) { done() }
        }
    }

    // MARK: The scheduler

    func planTurn(_ delay: ClosedRange<Milliseconds>) {
        guard !turnPlanned else { return }
        turnPlanned = true
        world.after(delay) { [self] in
            turnPlanned = false
            turn()
        }
    }

    private func turn() {
        let counted = counting
        if counted < desired {
            startMissing(desired - counted)
        } else if counted > desired {
            stopSurplus(counted - desired)
        }
    }

    private func startMissing(_ missing: Int) {
        guard world.now >= nextStartAt else {
            let wait = nextStartAt - world.now
            return planTurn(wait...wait)
        }
        for _ in 0..<missing {
            guard world.launches.take(at: world.now) else {
                planTurn(500...2.seconds)
                return
            }
            remember()
            let task = AgentTask(service: self)
            tasks.append(task)
            task.begin()
        }
    }

    /// ECS documents no rule that decides which unprotected task goes, so chance does.
    private func stopSurplus(_ surplus: Int) {
        var candidates = tasks.filter { $0.isCounting && !$0.isProtected }
        world.chance.shuffle(&candidates)
        for task in candidates.prefix(surplus) {
            world.tell("ECS stops \(task.id) to scale in")
            world.rules?.scaledIn(task)
            task.stop(byScalingIn: true)
        }
    }

    /// ECS waits longer and longer after tasks that never ran (DG, "service throttle logic").
    func taskStarted() {
        failedStarts = 0
    }

    func taskStopped(_ task: AgentTask) {
        remember()
        tasks.removeAll { $0 === task }
        if !task.everRan {
            failedStarts += 1
            nextStartAt = world.now + min(15.seconds << min(failedStarts, 6), 15.minutes)
        }
        planTurn(500...4.seconds)
    }
}

/// What is known after a call failed.
enum CallFailure: Error {
    case unchanged
    case unclear
}
