import Decisions

/// Rules 2, 3, 6 and 9: what is done to an agent, and what becomes of its jobs.
extension RuleBook {
    mutating func agent(_ fact: Fact, _ bench: inout Bench) {
        switch fact {
        case .stopSignal(let id, let count):
            with(id) { $0.wasSignalled = true }
            guard count > 1 else { return }
            bench.note(.oneSignal, .task(id), "gave its agent \(count) stop signals")
        case .agentStatus(let id, let status): with(id) { $0.status = status }
        case .reserveAsked(let id): judgeIdle(id, "asks to leave", &bench)
        case .drainAsked(let id): judgeIdle(id, "drains its agent", &bench)
        case .doomed(let id, let cause): with(id) { $0.doom = $0.doom ?? cause }
        default: break
        }
    }

    private func judgeIdle(_ id: TaskID, _ deed: String, _ bench: inout Bench) {
        guard tasks[id]?.heard != .idle else { return }
        bench.note(.unknownIsBusy, .task(id), "\(deed); the agent was not last heard to be idle")
    }

    // MARK: What its sidecar knows of it

    mutating func sidecar(_ fact: Fact, _ bench: inout Bench) {
        switch fact {
        case .sidecarStarted(let id):
            with(id) {
                $0.sidecarRuns = true
                $0.heard = .unknown
                $0.unknownSince = nil
            }
            watchSilence(of: id, bench.now)
        case .sidecarEnded(let id):
            tasks[id]?.sidecarRuns = false
            tasks[id]?.heard = .unknown
            watchSilence(of: id, bench.now)
        case .heard(let id, let activity):
            with(id) { $0.heard = activity }
            watchSilence(of: id, bench.now)
        case .unknownReported(let id): tasks[id]?.isUnknownSaid = true
        default: break
        }
    }

    /// Ten minutes, and what a sidecar needs to take notice of a link that is gone.
    static let longestSilence = 660_000

    mutating func watchSilence(of id: TaskID, _ now: Int) {
        guard let task = tasks[id] else { return }
        let isUnknown = task.sidecarRuns && task.agentLives && task.heard == .unknown
        guard isUnknown != (task.unknownSince != nil) else { return }
        tasks[id]?.unknownSince = isUnknown ? now : nil
        tasks[id]?.isUnknownSaid = false
        if isUnknown { look(at: now + Self.longestSilence) }
    }

    mutating func judgeSilence(of id: TaskID, _ bench: inout Bench) {
        tasks[id]?.isUnknownSaid = true
        bench.note(
            .unknownIsBusy,
            .task(id),
            "has not known for ten minutes what its agent does, and does not say so",
            .heard(id, .unknown)
        )
    }

    mutating func work(_ fact: Fact, _ bench: inout Bench) {
        switch fact {
        case .renewed(let id): tasks[id]?.isUsed = false
        case .jobReceived(let job, let id): receive(job, id, &bench)
        case .found(let job, let id, let left):
            guard !isShared else { return }
            bench.note(.nothingLeft, .task(id), "let \(job) find \(left)")
        case .jobEnded(_, let id): settle(id)
        case .jobLost(let job, let id):
            lose(job, id, &bench)
            settle(id)
        case .runEnded(let run, let end):
            let isExcused = lostRuns.remove(run) != nil
            switch end {
            case .asMeant: break
            case .agentGone:
                guard !isExcused else { return }
                bench.note(.runFirst, .run(run), "failed since its agent is gone")
            case .failed(let cause): bench.note(.runFirst, .run(run), "failed: \(cause)")
            }
        default: break
        }
    }

    private mutating func receive(_ job: Job, _ id: TaskID, _ bench: inout Bench) {
        let isUsed = tasks[id]?.isUsed ?? false
        with(id) {
            $0.job = job
            $0.isUsed = true
        }
        guard !isShared, isUsed else { return }
        bench.note(
            .nothingLeft,
            .task(id),
            "was given \(job) in a container that an earlier job had used"
        )
    }

    private mutating func lose(_ job: Job, _ id: TaskID, _ bench: inout Bench) {
        guard let cause = tasks[id]?.doom else {
            return bench.note(.runFirst, .task(id), "lost \(job) with its agent")
        }
        lostRuns.insert(job.id)
        bench.judgement.excuses.append(.jobLost(job, id, cause: cause))
    }
}
