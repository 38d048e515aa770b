package import Daemon
internal import Decisions
internal import ProductVersion
package import HCPTerraform
internal import Telemetry

/// The scale-up endpoint: judges a request, announces its job, calls back, answers. It never
/// lowers the ledger.
package struct Endpoint: Sendable {
    let parts: Parts
    let lastSweep = LastSweep()
    private let budget: Duration
    private let log: ProgramLog
    private let refusals: RefusalLog
    private let clock = ContinuousClock()

    /// What the endpoint is made of.
    package struct Parts: Sendable {
        package var keys: RunTaskKeys
        /// Those of notifications; often the same.
        package var notificationKeys: RunTaskKeys
        package var policy: Verdict.Policy
        /// In the order of the table.
        package var pools: [Pool]
        /// Which of them a call is for.
        package var table: PoolTable
        package var sweeper: Sweeper
        package var callback: CallbackClient
        /// Nil without an API token, and where the table asks for nothing of it.
        package var workspaces: WorkspaceMemory?
        /// Who may call.
        package var admission: Admission

        package init(
            keys: RunTaskKeys,
            notificationKeys: RunTaskKeys? = nil,
            policy: Verdict.Policy,
            pools: [Pool],
            table: PoolTable,
            sweeper: Sweeper,
            callback: CallbackClient,
            workspaces: WorkspaceMemory? = nil,
            admission: Admission = .everybody
        ) {
            precondition(pools.map(\.name) == table.entries.map(\.name), "each pool has its entry")
            self.keys = keys
            self.notificationKeys = notificationKeys ?? keys
            self.policy = policy
            self.pools = pools
            self.table = table
            self.sweeper = sweeper
            self.callback = callback
            self.workspaces = workspaces
            self.admission = admission
        }
    }

    /// One ECS service behind the endpoint, with its ledger.
    package struct Pool: Sendable {
        package let name: String
        package var announcer: Announcer
        package let keeper: PoolKeeper
        /// Its page in the AWS console.
        package var page: String?
        /// Which service its lines are about.
        var place: LogFields = [:]
        /// What its ledger has cost since it was asked for last.
        var ledgerCost: @Sendable () -> Measurements = { [:] }

        package init(
            _ name: String,
            announcer: Announcer,
            keeper: PoolKeeper,
            page: String? = nil
        ) {
            self.name = name
            self.announcer = announcer
            self.keeper = keeper
            self.page = page
        }

        /// The log for lines about it, which say so and count what its ledger has cost.
        fileprivate func lines(of log: ProgramLog, ofSeveral: Bool) -> ProgramLog {
            let fields = ofSeveral ? place.merging([.pool: "\(name)"]) { $1 } : place
            return log.with(fields).gathering(ledgerCost)
        }
    }

    /// Time for one request. HCP Terraform does not publish how long it waits; ten seconds is
    /// the limit of its other webhooks, and a repeat is harmless.
    package static let budget: Duration = .seconds(8)
    /// Shares of the budget, as one in so many. A try of the callback that is not answered leaves
    /// time for another one.
    static let callbackTryShare = 3
    /// Kept for the callback: a run whose job was announced at the last moment must go on.
    static let callbackShare = 8
    /// Between tries of the callback; nobody else calls for the same run.
    private static let callbackBackoff = Backoff(first: .milliseconds(200), longest: budget)
    /// For asking where a workspace runs, at the most.
    static let lookupShare = 4

    /// - Parameters:
    ///   - budget: time for one request, its callback included.
    ///   - log: gets one line for each request; never a token, key or callback URL.
    package init(_ parts: Parts, budget: Duration = Endpoint.budget, log: ProgramLog) {
        self.parts = parts
        self.budget = budget
        self.log = log
        refusals = RefusalLog(log)
    }

    /// Never takes longer than the budget, whatever hangs.
    package func respond(to request: EndpointRequest) async -> EndpointResponse {
        let end = clock.now + budget
        if case .address(let peer) = request.sender,
            let response = refusal(of: peer, forwardedFor: request.forwardedFor)
        {
            return response
        }
        // Nobody's key is needed, and so nothing is read, to see that these are nothing.
        if let refusal = Refusal(request) { return refuse(refusal) }
        let keys = request.isNotification ? parts.notificationKeys : parts.keys
        guard let known = await current(keys, end) else { return Refusal.noKey.response }
        switch await verdict(on: request, known, of: keys, end) {
        case .refuse(let refusal):
            return refuse(refusal)
        case .unknownSignature:
            return refuse(.wrongSignature)
        case .verification:
            say(.verificationAnswered, "answered a verification request", 200, end, log)
            return EndpointResponse(
                200,
                "",
                headers: [EndpointVersion.header: ProductVersion.current]
            )
        case .unanswerable(let fault):
            let log = log.with([.cause: "\(fault)"])
            say(.callUnanswerable, "nobody can be answered for a call", 200, end, log)
            return EndpointResponse(200, "")
        case .act(let call, let need):
            return await act(call, need, at: request.pool, end)
        case .nothingFollows:
            say(.notificationIgnored, "nothing follows from a notification", 200, end, log)
            return EndpointResponse(200, "")
        case .heed(let notification, let news):
            return await heed(notification, news, at: request.pool, end)
        }
    }

    /// The answer to whoever may not call at all; nil for everybody else. Before anything is read of
    /// what they send.
    ///
    /// - Parameters:
    ///   - peer: the address at the other end of the connection.
    ///   - forwardedFor: the values of all `X-Forwarded-For` headers.
    package func refusal(of peer: String, forwardedFor: [String]) -> EndpointResponse? {
        if parts.admission.admits(peer: peer, forwardedFor: forwardedFor) { return nil }
        let shown = IPAddress(peer) == nil ? "no known address" : peer
        refusals.note(.address, cause: "it came from \(shown)")
        return Refusal.address.response
    }

    /// Logs a refusal, whoever makes it, and gives its answer.
    package func refuse(_ refusal: Refusal) -> EndpointResponse {
        refusals.note(refusal)
        return refusal.response
    }

    private func verdict(
        on request: EndpointRequest,
        _ known: [RunTaskKey],
        of keys: RunTaskKeys,
        _ end: ContinuousClock.Instant
    ) async -> Verdict {
        let verdict = Verdict(request, keys: known, parts.policy)
        guard case .unknownSignature = verdict else { return verdict }
        let time = left(until: end)
        let fresh = await withTimeLimit(keys.patience.map { min($0, time) } ?? time) {
            await keys.afterUnknownSignature()
        }
        return Verdict(request, keys: fresh ?? known, parts.policy)
    }

    private func current(
        _ keys: RunTaskKeys,
        _ end: ContinuousClock.Instant
    ) async -> [RunTaskKey]? {
        // Nearly always: then nothing can hang, and no timer has to be set.
        if let known = await keys.currentUnread { return known }
        let current: Result<[RunTaskKey], any Error>? = await withTimeLimit(left(until: end)) {
            do { return .success(try await keys.current()) } catch { return .failure(error) }
        }
        switch current {
        case .success(let known):
            return known
        case .failure(let error):
            refusals.note(.noKey, cause: "\(error)")
        case nil:
            refusals.note(.noKey, cause: "no answer")
        }
        return nil
    }

    /// - Parameter named: the pool that the address names.
    private func act(
        _ request: RunTaskRequest,
        _ need: Verdict.Need,
        at named: String?,
        _ end: ContinuousClock.Instant
    ) async -> EndpointResponse {
        var said: LogFields = [.workspace: "\(request.workspaceName)"]
        if case .stage(let stage, let run) = request.subject {
            said[.run] = "\(run)"
            said[.stage] = "\(stage.rawValue)"
        }
        var log = log.with(said)
        let assignment = await assignment(request, need, at: named, end)
        let result: TaskResult
        let deed: Deed
        switch assignment.deed {
        case .pass(let reason):
            deed = Deed(.callPassed, "passed")
            let page = parts.pools.count == 1 ? parts.pools[0].page : nil
            result = self.result(for: request, "\(reason)", tag: "No agent needed", page)
            if reason == .unknownPool {
                log(.poolUnknown, "no pool has the name in the run task's address")
            }
        case .announce(let job, let pool):
            log = pool.lines(of: log, ofSeveral: parts.pools.count > 1)
            let headcount = await announce(job, to: pool, closing: request.closedJobs, end, log)
            guard let headcount else {
                return .tryAgain("Ledger or service cannot be reached; try again.")
            }
            deed = Deed(.jobAnnounced, "announced \(job)", [.job: "\(job)"])
            result = self.result(for: request, headcount.sentence, tag: "Announced", pool.page)
        }
        let outcome = await call(back: result, for: request, end)
        _ = await close(request.closedJobs, in: assignment.closing, isAnswer: false, end, log)
        return answer(outcome, deed, result.message, end, log)
    }

    /// What HCP Terraform says of a workspace, where that can matter; nil while nobody knows.
    func workspace(
        organization: String,
        name: String,
        _ end: ContinuousClock.Instant
    ) async -> Workspace? {
        guard let workspaces = parts.workspaces else { return nil }
        // An unanswered lookup must leave time to announce.
        let limit = min(left(until: end) / 2, budget / Self.lookupShare)
        return await withTimeLimit(limit) {
            await workspaces.workspace(organization: organization, name: name)
        } ?? nil
    }

    private func announce(
        _ job: Job,
        to pool: Pool,
        closing closed: [Job],
        _ end: ContinuousClock.Instant,
        _ log: ProgramLog
    ) async -> Headcount? {
        let announcer = pool.announcer
        let limit = left(until: end) - budget / Self.callbackShare
        let result: Result<Headcount, AnnouncementFailure>? = await withTimeLimit(limit) {
            do throws(AnnouncementFailure) {
                return .success(
                    try await announcer.announce(Announcement([job], closing: closed))
                )
            } catch {
                return .failure(error)
            }
        }
        let say = { (cause: String) in
            log.with([.cause: .text(cause), .job: "\(job)"])(
                answering(.announcementFailed, "cannot announce \(job)", 503, end)
                    .measuring(.announcementsFailed)
            )
        }
        switch result {
        case .success(let headcount):
            return headcount
        case .failure(let error):
            say("\(error)")
        case nil:
            say("the time is used up")
        }
        return nil
    }

    /// Ends jobs that are over and that no agent holds; where one holds them, that agent's own
    /// report does. Otherwise a job that nobody was seen to receive would keep an agent. After a
    /// run task's callback, as the run does not depend on it.
    ///
    /// - Parameter pools: whose ledgers may have them.
    /// - Parameter isAnswer: a failure is answered by 503; else the call was answered before.
    /// - Returns: whether they are ended.
    private func close(
        _ jobs: [Job],
        in pools: [Pool],
        isAnswer: Bool,
        _ end: ContinuousClock.Instant,
        _ log: ProgramLog
    ) async -> Bool {
        guard !jobs.isEmpty, !pools.isEmpty else { return true }
        let failure: String? = await withTimeLimit(left(until: end)) {
            await withTaskGroup(of: String.self) { tasks in
                for pool in pools { tasks.addTask { await pool.close(jobs) } }
                return await tasks.reduce("") { $0.isEmpty ? $1 : $0 }
            }
        }
        guard failure != "" else { return true }
        let words = "jobs that are over may still be counted, until they are too old"
        log.with([.cause: "\(failure ?? "the time is used up")"])(
            isAnswer
                ? answering(.jobsOverUnwritten, words, 503, end)
                : LogRecord(.jobsOverUnwritten, words)
        )
        return false
    }

    /// Does what follows from a notification. Nobody waits for it, and nobody is called back.
    private func heed(
        _ notification: RunNotification,
        _ news: Verdict.News,
        at named: String?,
        _ end: ContinuousClock.Instant
    ) async -> EndpointResponse {
        let log = log.with([
            .run: "\(notification.runID)", .workspace: "\(notification.workspaceName)",
        ])
        switch news {
        case .coming(let job):
            switch await choice(for: notification, at: named, end) {
            case .none(let reason):
                say(.callPassed, "passed: \(reason)", 200, end, log)
            case .pool(let place):
                let pool = parts.pools[place]
                let log = pool.lines(of: log, ofSeveral: parts.pools.count > 1)
                guard let headcount = await announce(job, to: pool, closing: [], end, log)
                else {
                    return .tryAgain("Ledger or service cannot be reached; try again.")
                }
                let words = "announced \(job): \(headcount.sentence)"
                say(.jobAnnounced, words, 200, end, log.with([.job: "\(job)"]))
            }
        case .over(let jobs):
            let holders = await holders(for: notification, at: named, end)
            guard await close(jobs, in: holders, isAnswer: true, end, log) else {
                return .tryAgain("The ledger cannot be reached; try again.")
            }
            let types = jobs.map(\.type).joined(separator: ", ")
            say(.jobsOver, "heard that jobs are over", 200, end, log.with([.jobs: "\(types)"]))
        }
        return EndpointResponse(200, "")
    }

    private func result(
        for request: RunTaskRequest,
        _ sentence: String,
        tag: String,
        _ page: String?
    ) -> TaskResult {
        let outcome = TaskResult.Outcome(
            id: "agents",
            description: sentence,
            tags: [.init("Status", tag, .info)]
        )
        return TaskResult(
            .passed,
            sentence,
            url: page,
            outcome: request.acceptsOutcomes ? outcome : nil
        )
    }

    /// Tries the callback until it is answered or the budget is used up.
    private func call(
        back result: TaskResult,
        for request: RunTaskRequest,
        _ end: ContinuousClock.Instant
    ) async -> CallbackOutcome {
        let callback = parts.callback
        var attempt = 1
        while true {
            let deadline = min(budget / Self.callbackTryShare, left(until: end))
            let outcome =
                await withTimeLimit(deadline) {
                    await callback.send(result, for: request, deadline: deadline)
                } ?? .unclear("no answer in time")
            let pause = Self.callbackBackoff.bound(afterTry: attempt)
            guard case .unclear = outcome, left(until: end) > pause else { return outcome }
            try? await Task.sleep(for: pause)
            attempt += 1
        }
    }

    private func answer(
        _ outcome: CallbackOutcome,
        _ deed: Deed,
        _ message: String,
        _ end: ContinuousClock.Instant,
        _ log: ProgramLog
    ) -> EndpointResponse {
        switch outcome {
        case .accepted, .alreadyFinal:
            say(deed.event, "\(deed.words): \(message)", 200, end, log.with(deed.fields))
            return EndpointResponse(200, "")
        case .rejected(let status):
            // Its token or task is void, so a repeat would be refused as well.
            log.with([.cause: "HTTP status \(status)"])(
                answering(.callbackRejected, "the callback was rejected", 200, end)
                    .measuring(.callbacksFailed)
            )
            return EndpointResponse(200, "")
        case .unclear(let cause):
            log.with([.cause: "\(cause)"])(
                answering(.callbackFailed, "the callback failed", 503, end)
                    .measuring(.callbacksFailed)
            )
            return .tryAgain("HCP Terraform's callback cannot be reached; try again.")
        }
    }

    /// What is said of a call once it is answered.
    private struct Deed {
        let event: EventName
        let words: String
        let fields: LogFields

        init(_ event: EventName, _ words: String, _ fields: LogFields = [:]) {
            self.event = event
            self.words = words
            self.fields = fields
        }
    }

    /// The line of an answer: each call has one, which counts it.
    private func answering(
        _ event: EventName,
        _ message: String,
        _ status: Int,
        _ end: ContinuousClock.Instant
    ) -> LogRecord {
        let spent = Double((budget - left(until: end)).milliseconds)
        return LogRecord(
            event,
            message,
            [.status: "\(status)"],
            measuring: [.answers: 1, .answerDuration: spent]
        )
    }

    private func say(
        _ event: EventName,
        _ message: String,
        _ status: Int,
        _ end: ContinuousClock.Instant,
        _ log: ProgramLog
    ) {
        log(answering(event, message, status, end))
    }

    private func left(until end: ContinuousClock.Instant) -> Duration {
        clock.now.duration(to: end)
    }

    /// Repairs the projection and, with an API token, announces runs of the pools that wait for an
    /// agent and that nobody announced. To be called every minute.
    package func sweep() async -> SweepReport {
        refusals.settle()
        let start = clock.now
        let report = await parts.sweeper.sweep()
        if Task.isCancelled {
            log(.sweepStopped, "stopped a sweep")
            return report
        }
        lastSweep.note(report)
        let time = start.duration(to: clock.now)
        for swept in report.pools {
            let pool = parts.pools.first { $0.name == swept.name }
            let log = pool?.lines(of: log, ofSeveral: parts.pools.count > 1) ?? log
            for record in FailedStart.records(swept.outcome.failedStarts) { log(record) }
            log(swept.outcome.record(after: time))
        }
        return report
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
