import Decisions

/// Rules 1 and 5, and the service's half of rule 10: protection, and what lowers the service.
extension RuleBook {
    mutating func service(_ fact: Fact, _ bench: inout Bench) {
        switch fact {
        case .protected(let id, let until):
            with(id) {
                $0.isProtected = true
                $0.protectedUntil = until
                $0.isSaid = false
            }
            if let until { look(at: until) }
        case .unprotected(let id):
            tasks[id]?.isProtected = false
            tasks[id]?.protectedUntil = nil
            judgeProtection(of: id, &bench)
        case .exposing(let id): with(id) { $0.isExposing = true }
        case .exposureStands(let id):
            tasks[id]?.isExposing = false
            judgeProtection(of: id, &bench)
        case .stopped(let id, let cause): judgeStop(of: id, cause, &bench)
        case .desiredCount(let before, let count, .system):
            follow(count)
            guard count != before else { return }
            judgeLedger(behind: count, before, &bench)
            if count < before { judgeLowering(to: count, before, &bench) }
            if count > before { raisedAt = bench.now }
            if count < before { fall = Fall(at: bench.now, from: before) }
        case .desiredCount(let before, let count, .person):
            follow(count)
            editedAt = bench.now
            if count < before { fall = Fall(at: bench.now, from: before) }
        case .serviceEnds: isDeleted = true
        case .limitsEnd: limitsEndedAt = limitsEndedAt ?? bench.now
        default: break
        }
    }

    /// An agent may run unprotected once the ledger says so, and the run comes first where neither
    /// protection nor ledger can be reached.
    mutating func judgeProtection(of id: TaskID, _ bench: inout Bench, cause: Fact? = nil) {
        guard let task = tasks[id], task.agentLives, !task.isProtected, !task.isSaid,
            !task.isExposing, !exposed.contains(id)
        else { return }
        tasks[id]?.isSaid = true
        bench.note(.protected, .task(id), "is not protected while its agent lives", cause)
    }

    /// What goes for a person's count is that person's, if nothing could protect it: an agent that
    /// this system left unprotected was found before.
    private mutating func judgeStop(
        of id: TaskID,
        _ cause: Fact.StopCause,
        _ bench: inout Bench
    ) {
        guard let task = tasks[id], task.agentLives else { return }
        let work = task.job.map { "holds \($0)" } ?? "lives"
        switch cause {
        case .personsScaleIn where task.job == nil || exposed.contains(id): break
        case _ where task.isExposing || task.wasLoweredBeside:
            excuse(.bothAway(id), id, "protection and ledger were both away", &bench)
        case .scaleIn, .personsScaleIn:
            bench.note(.protected, .task(id), "was scaled in by ECS while its agent \(work)")
        case .deployment where exposed.contains(id):
            excuse(.deployedOver(id), id, "a deployment replaced it unprotected", &bench)
        case .deletion where exposed.contains(id):
            excuse(.deletedOver(id), id, "its service was deleted", &bench)
        case .deletion:
            bench.note(
                .protected,
                .task(id),
                "was stopped with its service while its agent \(work)"
            )
        case .deployment:
            bench.note(.protected, .task(id), "was replaced by ECS while its agent \(work)")
        }
    }

    private mutating func excuse(
        _ excuse: Excuse,
        _ id: TaskID,
        _ cause: String,
        _ bench: inout Bench
    ) {
        with(id) { $0.doom = $0.doom ?? cause }
        bench.judgement.excuses.append(excuse)
    }

    private mutating func judgeLowering(to count: Int, _ before: Int, _ bench: inout Bench) {
        var bare: [TaskID] = []
        for (id, task) in tasks where task.agentLives && !task.isProtected {
            if task.isExposing {
                tasks[id]?.wasLoweredBeside = true
                bench.judgement.excuses.append(.bothAway(id))
            } else {
                bare.append(id)
            }
        }
        for id in bare.sorted() {
            bench.note(
                .exposed,
                .service,
                "was lowered from \(before) to \(count) while the agent of \(id) lives unprotected"
            )
        }
    }

    /// A call that was on its way when the item was lost takes effect within this time.
    private static let callTime = 30_000
    /// So much older than that a reading of the service may be: whoever wrote could not know.
    private static let lag = 60_000

    /// A lowering by a reading from before the count's last fall arrives as a raise.
    private func mayLower(to count: Int, _ now: Int) -> Bool {
        guard let fall else { return false }
        return count < fall.from && now - fall.at <= Self.callTime + Self.lag
    }

    private func judgeLedger(behind count: Int, _ before: Int, _ bench: inout Bench) {
        let change = "was moved from \(before) to \(count)"
        if isDeleted { bench.note(.noWrongZero, .service, "\(change) while it ends") }
        if let ended = limitsEndedAt, count > before, bench.now - ended > Self.callTime,
            !mayLower(to: count, bench.now)
        {
            bench.note(.noWrongZero, .service, "\(change) though its limits end it")
        }
        if let lost = ledgerLostAt, bench.now - lost <= Self.callTime { return }
        switch ledger {
        case .unknown, .written(isAdopted: true): break
        case .written(isAdopted: false):
            guard count < before else { return }
            if let edited = editedAt, bench.now - edited <= Self.callTime + Self.lag { return }
            // Two endpoints raise, and the earlier call arrives last: the next one puts it right.
            if let raised = raisedAt, bench.now - raised <= Self.callTime { return }
            bench.note(
                .noWrongZero,
                .service,
                "\(change) by a ledger that no task of it has written"
            )
        case .lost:
            bench.note(.noWrongZero, .service, "\(change) after the ledger was lost")
        case .neverWritten:
            bench.note(.noWrongZero, .service, "\(change) before a ledger was written")
        }
    }
}
