/// The service scheduler.
extension ServiceState {
    package enum Decision: Hashable, Sendable {
        case start(Int, DeploymentID, taskDefinition: Int)
        case stop(Int, Stop)
    }

    package struct Turn: Hashable, Sendable {
        package var decisions: [Decision] = []
        /// When another turn is due though nothing happens until then; nil when none is.
        package var nextAt: Milliseconds?
    }

    /// One turn: starts what is missing, stops what is too much and may be stopped. What it decides
    /// is counted at once.
    ///
    /// - Parameter launches: the account's starts; each one here takes a token.
    package mutating func turn(
        at now: Milliseconds,
        launches: inout TokenBucket,
        draw: (Int) -> Int
    ) -> Turn {
        _ = expire(at: now)
        settle(at: now)
        var turn = Turn()
        var held = 0
        if status != .active {
            for index in deployments.indices {
                stop(deployments[index].counting, in: index, &turn, draw)
                held += deployments[index].counting
            }
        } else if isRolling {
            held = roll(at: now, &launches, &turn, draw)
        } else {
            stop(primary.counting - desired, in: 0, &turn, draw)
            held = max(0, primary.counting - desired)
            start(desired - primary.counting, in: 0, at: now, &launches, &turn)
        }
        if held > 0 { turn.look(at: earliestExpiry) }
        tell(turn, held: held, at: now)
        settle(at: now)
        return turn
    }

    /// A turn of a rolling deployment: older tasks go as far as `minimumHealthyPercent` lets them
    /// and protection does, and newer ones come as far as `maximumPercent` leaves room.
    ///
    /// - Returns: how many older tasks stay since they are protected.
    private mutating func roll(
        at now: Milliseconds,
        _ launches: inout TokenBucket,
        _ turn: inout Turn,
        _ draw: (Int) -> Int
    ) -> Int {
        let ceiling = desired * deployed.maximumPercent / 100
        let least = (desired * deployed.minimumHealthyPercent + 99) / 100
        for index in 1..<deployments.count {
            // One that does not run yet is no part of what is healthy. But ECS waits to see what
            // becomes of one that it started in another's place.
            stop(deployments[index].pending, in: index, &turn, draw) {
                $0.phase == .pending && !$0.isLate
            }
            stop(max(0, running - least), in: index, &turn, draw) { $0.phase == .running }
        }
        stop(primary.counting - desired, in: 0, &turn, draw)
        for index in 1..<deployments.count {
            let missing = deployments[index].kept - deployments[index].counting
            start(min(missing, ceiling - counting), in: index, at: now, &launches, &turn)
        }
        start(min(desired - primary.counting, ceiling - counting), in: 0, at: now, &launches, &turn)
        return deployments.dropFirst().reduce(0) { $0 + $1.counting - $1.free.count }
    }

    // MARK: Starts

    private mutating func start(
        _ count: Int,
        in index: Int,
        at now: Milliseconds,
        _ launches: inout TokenBucket,
        _ turn: inout Turn
    ) {
        guard count > 0, index > 0 || primary.rollout != .failed else { return }
        guard now >= deployments[index].nextStartAt else {
            return turn.look(at: deployments[index].nextStartAt)
        }
        for _ in 0..<count {
            guard launches.take(at: now) else {
                return turn.look(at: now + max(1, launches.wait(at: now)))
            }
            memberNumber += 1
            let deployment = deployments[index]
            members[memberNumber] = Member(
                deployment: deployment.id,
                taskDefinition: deployment.taskDefinition,
                isLate: index > 0
            )
            deployments[index].pending += 1
            list(memberNumber)
            turn.decisions.append(
                .start(memberNumber, deployment.id, taskDefinition: deployment.taskDefinition)
            )
        }
    }

    // MARK: Stops

    /// Stops so many tasks of a deployment that may be stopped, by chance.
    private mutating func stop(
        _ count: Int,
        in index: Int,
        _ turn: inout Turn,
        _ draw: (Int) -> Int,
        where fits: ((Member) -> Bool)? = nil
    ) {
        guard count > 0 else { return }
        let id = deployments[index].id
        for number in pick(count, of: deployments[index], draw, fits) {
            unlist(number)
            let isPending = members[number]?.phase == .pending
            members[number]?.phase = .stopping
            if isPending {
                deployments[index].pending -= 1
            } else {
                deployments[index].running -= 1
            }
            deployments[index].stopping += 1
            if index > 0 { deployments[index].kept = max(0, deployments[index].kept - 1) }
            turn.decisions.append(.stop(number, .scaling(id)))
        }
    }

    private func pick(
        _ count: Int,
        of deployment: Deployment,
        _ draw: (Int) -> Int,
        _ fits: ((Member) -> Bool)?
    ) -> [Int] {
        var candidates = deployment.free
        if let fits { candidates = candidates.filter { members[$0].map(fits) ?? false } }
        var picked: [Int] = []
        if ignoresProtection { picked = protected(of: deployment).prefix(count).map(\.self) }
        while picked.count < count, !candidates.isEmpty {
            let place = draw(candidates.count)
            candidates.swapAt(place, candidates.count - 1)
            picked.append(candidates.removeLast())
        }
        return picked
    }

    private func protected(of deployment: Deployment) -> [Int] {
        members.filter { entry in
            entry.value.deployment == deployment.id && entry.value.protectedUntil > 0
                && entry.value.phase != .stopping
        }.keys.sorted()
    }

    // MARK: Events

    private mutating func tell(_ turn: Turn, held: Int, at now: Milliseconds) {
        guard events.isOn else { return }
        var started: [Int] = []
        var stopped: [Int] = []
        for decision in turn.decisions {
            switch decision {
            case .start(let number, _, _): started.append(number)
            case .stop(let number, _): stopped.append(number)
            }
        }
        if !stopped.isEmpty { events.add(.stopped(stopped), at: now) }
        if !started.isEmpty { events.add(.started(started), at: now) }
        if held > 0 {
            let id = deployments.last?.id ?? primary.id
            events.add(.heldByProtection(id, held), at: now)
        } else if turn.decisions.isEmpty, !isRolling, primary.rollout == .completed,
            primary.running == desired, members.count == desired
        {
            events.add(.steady, at: now)
        }
    }
}

extension ServiceState.Turn {
    fileprivate mutating func look(at instant: Milliseconds) {
        guard instant < .max else { return }
        nextAt = min(nextAt ?? .max, instant)
    }
}
