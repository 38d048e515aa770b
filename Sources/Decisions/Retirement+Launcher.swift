/// What the launcher is told, and what is said of the agent behind it.
extension Retirement {
    mutating func speakToLauncher(at now: Instant, _ steps: inout [Step]) {
        if case .linked(let isAnswered) = launcher, agentAllowed, !isAnswered {
            launcher = .linked(isAnswered: true)
            steps.append(Step(.nameAgent, .launcherConnected))
        }
        switch phase {
        case .draining(isAsked: false) where linked && signal == nil:
            phase = .draining(isAsked: true)
            steps.append(Step(.drain, drainReason))
        case .released(isSaid: false) where linked:
            phase = .released(isSaid: true)
            steps.append(Step(.release, releaseReason))
        case .unprotecting(isAsked: false):
            phase = .unprotecting(isAsked: true)
            steps.append(Step(.unprotect, telling.leaveReason))
        default: break
        }
        missLauncher(at: now, &steps)
    }

    private var drainReason: Reason {
        if case .held(let kind) = entries.reservation { return .mayLeave(kind) }
        return telling.replaceReason ?? .agentWaits
    }

    private var releaseReason: Reason {
        following.isDue
            ? .projectionLeftToOthers(telling.projectionCause) : telling.leaveReason
    }

    private mutating func missLauncher(at now: Instant, _ steps: inout [Step]) {
        guard !linked, agent == .absent, !telling.saidNoLauncher,
            let allowedAt = telling.allowedAt, now - allowedAt >= timing.launcherPatience
        else {
            return
        }
        telling.saidNoLauncher = true
        steps.append(Step(.warn, .noLauncher))
    }

    /// An agent at work is never touched, whatever is wrong with it; a person may want to look.
    mutating func lookAfterWork(at now: Instant, _ steps: inout [Step]) {
        guard case .busy(let job) = agent, let since = telling.busySince else { return }
        if now - since >= timing.longestJob, !telling.saidWorksLong {
            telling.saidWorksLong = true
            steps.append(Step(.warn, .worksLong(job, now - since)))
        }
        if let status = watch.givenUp, !telling.saidGivenUpAtWork {
            telling.saidGivenUpAtWork = true
            steps.append(Step(.warn, .givenUpAtWork(status, job)))
        }
    }

    /// Unknown is busy, and costs an agent for as long as it lasts, so it is said.
    mutating func breakSilence(at now: Instant, _ steps: inout [Step]) {
        if signal == .drained, phase.name == .draining || phase == .working {
            let since = telling.drainsSince ?? now
            telling.drainsSince = since
            if now - since >= timing.longestDrain, !telling.saidDrainsLong, job == nil {
                telling.saidDrainsLong = true
                steps.append(Step(.warn, .drainsLong(now - since)))
            }
        }
        guard agentAllowed, agent == .unknown else {
            timers[.silentSince] = nil
            telling.nextSilenceWarning = nil
            return
        }
        let since = timers[.silentSince] ?? now
        timers[.silentSince] = since
        let next = telling.nextSilenceWarning ?? since + timing.longestSilence
        telling.nextSilenceWarning = next
        guard now >= next else { return }
        telling.nextSilenceWarning = now + timing.silenceAgain
        steps.append(Step(.warn, .saysNothing(telling.silence, for: now - since)))
    }
}
