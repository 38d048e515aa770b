/// What is asked of ECS and HCP Terraform, and the end of the sidecar.
extension Retirement {
    mutating func project(at now: Instant, _ steps: inout [Step]) {
        guard following.isDue, following.slot.isFree(timers[.projectFrom], at: now) else { return }
        switch phase {
        case .departing, .unprotecting: return
        case .working, .reserving, .draining, .renewing, .looking, .handingOver, .projecting,
            .released:
            break
        }
        following.slot.underWay = Asked()
        following.isDue = false
        let reason: Reason =
            following.slot.failures > 0 ? .tryAgain(telling.projectionCause) : .sizeChanged
        steps.append(Step(.project, reason))
    }

    mutating func compare(at now: Instant, _ steps: inout [Step]) {
        let isBetweenJobs = isIdle && phase == .working || phase.name == .renewing
        guard isBetweenJobs, !comparison.underWay, !stopRequested else {
            if !isIdle { timers[.compareFrom] = nil }
            return
        }
        guard let next = timers[.compareFrom] else {
            timers[.compareFrom] = now + timing.compareEvery
            return
        }
        guard now >= next else { return }
        comparison.asked()
        steps.append(Step(.compare(always: comparison.isSuspicious), .timeToCompare))
    }

    mutating func watch(at now: Instant, _ steps: inout [Step]) {
        guard settings.watchesAgent, phase == .working, linked, !stopRequested,
            let agent = watch.due(timers, at: now)
        else {
            return
        }
        watch.asked()
        steps.append(Step(.watch(agent: agent), .timeToWatch))
    }

    mutating func finish(at now: Instant, _ steps: inout [Step]) {
        guard stop == .asked else { return }
        let quiet = ledgerSlot.underWay == nil && following.slot.underWay == nil
        let gone: Bool =
            switch agent {
            case .absent: !hasEntry && quiet
            case .exited: phase.name == .released
            case .idle, .busy, .unknown: false
            }
        guard gone || lostForGood(at: now) else { return }
        stop = .made
        steps.append(Step(.end, .asked))
    }

    /// The launcher would have connected again within a second: its container is gone.
    private func lostForGood(at now: Instant) -> Bool {
        guard let unlinkedAt = timers[.unlinkedAt], !linked else { return false }
        if case .exited = agent { return false }
        return now - unlinkedAt >= timing.linkPatience
    }
}
