import AgentLink
import Model
import Rules

/// How a rehearsal comes to its end.
extension Play {
    /// How the waiting for rest ended.
    enum End: Equatable, Sendable {
        case atRest
        case timeIsUp
        /// What was broken on purpose has broken a rule; there is nothing more to wait for.
        case asBroken
    }

    /// Waits for every pool and judges it.
    ///
    /// - Returns: whether all came to rest and broke no rule.
    func restAndJudge(_ pools: [PlayedPool], _ time: Timebase) async throws -> Bool {
        var ends: [End] = []
        for pool in pools { ends.append(try await waitForRest(pool, time)) }
        for (pool, end) in zip(pools, ends) {
            await judge(end, pool.cloud, time, pool.journal)
        }
        return ends.allSatisfy { $0 == .atRest } && pools.allSatisfy(\.journal.verdict.holds)
    }

    /// Of each pool.
    func summaries(of pools: [PlayedPool], _ time: Timebase) async -> [Summary] {
        var all: [Summary] = []
        for pool in pools { all.append(await summary(pool.cloud, time, pool.journal)) }
        return all
    }

    /// The table of each pool.
    static func text(of summaries: [Summary]) -> String {
        guard summaries.count > 1 else { return summaries.map(\.text).joined() }
        return zip(PlaySettings.poolNames, summaries).map { "\npool \($0)\($1.text)\n" }.joined()
    }

    /// Waits until all runs are over and the service has rested for long enough, or the limit is
    /// up.
    private func waitForRest(_ pool: PlayedPool, _ time: Timebase) async throws -> End {
        let (cloud, journal) = (pool.cloud, pool.journal)
        while Double(time.now) / 1000 < settings.timeLimitSeconds {
            if let obstacle = journal.tally.obstacle {
                throw PlayError(description: "--mode renewed: \(obstacle)")
            }
            if settings.broken != nil && !journal.verdict.holds { return .asBroken }
            let rest = await rest(of: cloud, time, journal)
            let (created, final) = await (cloud.terraform.order.count, cloud.terraform.allFinal)
            let mayRest = journal.verdict.mayRest(rest, at: time.now)
            if created == pool.runs.count && (final || journal.verdict.hasEnded) && mayRest {
                return .atRest
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        return .timeIsUp
    }

    private func judge(_ end: End, _ cloud: Cloud, _ time: Timebase, _ journal: PlayJournal) async {
        switch end {
        case .asBroken: return
        case .atRest: break
        case .timeIsUp:
            let open = await cloud.terraform.runs.values.filter { !$0.life.status.isFinal }
                .map { "\($0.id) is \($0.life.status.rawValue)" }.sorted()
            journal.record(
                .note("the time limit is up; " + (open.first ?? "every run is final"))
            )
        }
        journal.record(.rest(await rest(of: cloud, time, journal)))
    }

    /// Where no agent comes any more runs wait for ever, and their jobs in the ledger with them; of
    /// a service that is deleted nobody keeps the ledger.
    private func rest(of cloud: Cloud, _ time: Timebase, _ journal: PlayJournal) async -> Rest {
        let verdict = journal.verdict
        var rest = await cloud.rest(
            floor: verdict.hasEnded ? 0 : settings.desiredCount,
            watched: settings.restSeconds,
            at: time.now
        )
        if verdict.hasEnded {
            rest.openRuns = []
            rest.ledger?.jobs = []
        }
        if verdict.isDeleted { rest.ledger = nil }
        return rest
    }

    private func summary(
        _ cloud: Cloud,
        _ time: Timebase,
        _ journal: PlayJournal
    ) async -> Summary {
        let terraform = cloud.terraform
        let runs = await terraform.order
        let all = await terraform.runs
        return Summary(
            runs: runs.compactMap { all[$0] },
            agents: await terraform.agents.values.sorted { $0.number < $1.number },
            tally: journal.tally,
            units: await cloud.aws.consumed,
            verdict: journal.verdict,
            seconds: Double(time.now) / 1000,
            endedAt: time.now,
            mode: settings.mode,
            paint: Paint(isOn: settings.isColored)
        )
    }
}
