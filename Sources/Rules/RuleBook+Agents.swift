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
        case .heard(let id, let activity): with(id) { $0.heard = activity }
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

    mutating func work(_ fact: Fact, _ bench: inout Bench) {
        switch fact {
        case .jobReceived(let job, let id): receive(job, id, &bench)
        case .jobEnded(_, let id): settle(id)
        case .jobLost(let job, let id):
            lose(job, id, &bench)
            settle(id)
        case .renewed(let id): tasks[id]?.jobs = 0
        case .foundOfEarlierJob(let id, let what):
            guard !isShared else { return }
            bench.note(.nothingLeft, .task(id), "shows a job what an earlier one left: \(what)")
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
        with(id) {
            $0.job = job
            $0.jobs += 1
        }
        guard !isShared, let jobs = tasks[id]?.jobs, jobs > 1 else { return }
        bench.note(.nothingLeft, .task(id), "was given \(job) in the container of an earlier job")
    }

    private mutating func lose(_ job: Job, _ id: TaskID, _ bench: inout Bench) {
        guard let cause = tasks[id]?.doom else {
            return bench.note(.runFirst, .task(id), "lost \(job) with its agent")
        }
        lostRuns.insert(job.id)
        bench.judgement.excuses.append(.jobLost(job, id, cause: cause))
    }
}
