/// What becomes of a service's tasks, and their protection.
extension ServiceState {
    // MARK: Their lives

    /// All its containers run.
    package mutating func ran(_ number: Int, at now: Milliseconds) {
        guard let member = members[number], member.phase == .pending else { return }
        members[number]?.phase = .running
        let index = index(of: member.deployment)
        deployments[index].pending -= 1
        deployments[index].running += 1
        deployments[index].failedTasks = 0
        deployments[index].failures = 0
        settle(at: now)
    }

    /// The task is asked to stop, by whatever it be, and counts no more. The scheduler's own
    /// decisions need not be told.
    ///
    /// - Parameter failsToStart: it stops since it cannot start.
    package mutating func leaves(
        _ number: Int,
        failsToStart: Bool = false,
        at now: Milliseconds
    ) {
        guard let member = members[number], member.phase != .stopping else { return }
        unlist(number)
        let index = index(of: member.deployment)
        if member.phase == .pending {
            deployments[index].pending -= 1
        } else {
            deployments[index].running -= 1
        }
        deployments[index].stopping += 1
        members[number]?.phase = .stopping
        members[number]?.failsToStart = failsToStart
        settle(at: now)
    }

    /// Nothing of the task is left. One that stops on its way, asked by nobody, has failed to start.
    package mutating func stopped(_ number: Int, at now: Milliseconds) {
        guard let before = members[number] else { return }
        leaves(number, failsToStart: before.phase == .pending, at: now)
        remove(number)
        if before.failsToStart || before.phase == .pending {
            failed(in: before.deployment, at: now) { $0.pause(after: $1) }
        }
        settle(at: now)
    }

    /// ECS finds no place for a task that it was to start: there is none, and it is no failed start
    /// for the growing pauses, but it is one for the circuit breaker.
    package mutating func unplaced(_ number: Int, _ failure: StartFailure, at now: Milliseconds) {
        guard let member = members[number] else { return }
        leaves(number, at: now)
        remove(number)
        events.add(.unplaced(failure), at: now)
        failed(in: member.deployment, at: now) { pace, _ in pace.first }
        settle(at: now)
    }

    private mutating func remove(_ number: Int) {
        guard let member = members.removeValue(forKey: number) else { return }
        if member.protectedUntil > 0 { protectedCount -= 1 }
        deployments[index(of: member.deployment)].stopping -= 1
    }

    // MARK: Starts that fail

    /// So many in a row and ECS says it in an event.
    private static let noticedFailures = 3

    private mutating func failed(
        in id: DeploymentID,
        at now: Milliseconds,
        pause: (Pace, Int) -> Milliseconds
    ) {
        let index = index(of: id)
        deployments[index].failures += 1
        deployments[index].failedTasks += 1
        let failures = deployments[index].failures
        let until = now + pause(pace, failures)
        deployments[index].nextStartAt = max(deployments[index].nextStartAt, until)
        if failures >= Self.noticedFailures { events.add(.cannotStart, at: now) }
        guard index == 0, primary.rollout == .inProgress, deployed.breaker.isOn, desired > 0,
            primary.failedTasks >= CircuitBreaker.threshold(desired: desired)
        else { return }
        trip(at: now)
    }

    /// The circuit breaker acts: back to what was complete last, or, where nothing ever was, no
    /// task is started any more.
    private mutating func trip(at now: Milliseconds) {
        let id = primary.id
        deployments[0].rollout = .failed
        events.add(.failed(id), at: now)
        guard deployed.breaker.rollsBack, let target = lastCompleted else { return }
        lastCompleted = nil
        deployments[0].kept = 0
        var old = Deployment(
            target.id,
            taskDefinition: target.taskDefinition,
            at: target.createdAt
        )
        if let place = deployments.firstIndex(where: { $0.id == target.id }) {
            old = deployments.remove(at: place)
        }
        old.rollout = .inProgress
        old.kept = 0
        old.failedTasks = 0
        old.failures = 0
        old.nextStartAt = 0
        deployments.insert(old, at: 0)
        events.add(.rollsBack(to: target.id), at: now)
    }

    // MARK: Protection

    package enum ProtectionAnswer: Hashable, Sendable {
        case protected(until: Milliseconds)
        /// As many other tasks are protected as the service wants: `DEPLOYMENT_BLOCKED`.
        case blocked
        /// Not a task of this service: `TASK_NOT_VALID`.
        case notValid
    }

    /// `UpdateTaskProtection`, on; asked again it begins anew.
    package mutating func protect(
        _ number: Int,
        for time: Milliseconds,
        at now: Milliseconds
    ) -> ProtectionAnswer {
        _ = expire(at: now)
        guard let member = members[number] else { return .notValid }
        let others = protectedCount - (member.protectedUntil > 0 ? 1 : 0)
        guard others < desired else { return .blocked }
        protectedCount = others + 1
        members[number]?.protectedUntil = now + time
        earliestExpiry = min(earliestExpiry, now + time)
        unlist(number)
        return .protected(until: now + time)
    }

    package mutating func unprotect(_ number: Int) {
        guard let member = members[number], member.protectedUntil > 0 else { return }
        protectedCount -= 1
        members[number]?.protectedUntil = 0
        if member.phase != .stopping { list(number) }
    }

    /// What is left of a task's protection; zero when it has none.
    package func protection(of number: Int, at now: Milliseconds) -> Milliseconds {
        max(0, (members[number]?.protectedUntil ?? 0) - now)
    }

    /// Takes off what has run out.
    ///
    /// - Returns: whose it was, in order.
    package mutating func expire(at now: Milliseconds) -> [Int] {
        guard now >= earliestExpiry else { return [] }
        var over: [Int] = []
        earliestExpiry = .max
        for (number, member) in members where member.protectedUntil > 0 {
            if member.protectedUntil <= now {
                over.append(number)
            } else {
                earliestExpiry = min(earliestExpiry, member.protectedUntil)
            }
        }
        over.sort()
        for number in over { unprotect(number) }
        return over
    }

    // MARK: The lists of those that may be stopped

    mutating func list(_ number: Int) {
        guard let member = members[number], member.place == nil else { return }
        let index = index(of: member.deployment)
        members[number]?.place = deployments[index].free.count
        deployments[index].free.append(number)
    }

    mutating func unlist(_ number: Int) {
        guard let member = members[number], let place = member.place else { return }
        let index = index(of: member.deployment)
        deployments[index].free.swapAt(place, deployments[index].free.count - 1)
        deployments[index].free.removeLast()
        members[number]?.place = nil
        if place < deployments[index].free.count {
            members[deployments[index].free[place]]?.place = place
        }
    }

    func index(of id: DeploymentID) -> Int {
        guard let index = deployments.firstIndex(where: { $0.id == id }) else {
            preconditionFailure("a deployment with tasks was dropped: \(id)")
        }
        return index
    }
}
