import AgentLink
import Glibc
import Model
import Rules
import Seeded

/// One rehearsal: the stand-ins, the endpoint, the service's tasks, the runs.
struct Play: Sendable {
    static let executables = ["agent-sidecar", "agent-launcher", "stand-in-agent"]

    let settings: PlaySettings
    let folder: PlayFolder

    init(_ settings: PlaySettings) throws(PlayError) {
        self.settings = settings
        try Self.checkExecutables(settings)
        if settings.isEnclosed, let lack = Enclosure.lack() {
            throw PlayError(description: "--mode renewed needs a root of its own: " + lack)
        }
        folder = try PlayFolder(settings)
    }

    /// - Throws: where one is missing of the programs that are played with.
    static func checkExecutables(_ settings: PlaySettings) throws(PlayError) {
        let names = executables + [settings.endpoint.executable]
        for name in names where access("\(settings.bin)/\(name)", X_OK) != 0 {
            throw PlayError(
                description: "\(name) is not in \(settings.bin); `swift build` builds it"
            )
        }
    }

    /// How it ended.
    struct Outcome: Sendable {
        /// Every run finished, every rule held, and the service is at rest.
        var isFine: Bool
        /// Of all pools together.
        var figures: PlayFigures
    }

    /// One pool that is played: a whole cloud of its own, judged by a rule book of its own. All have
    /// one endpoint, one organization and one run task's key.
    struct PlayedPool: Sendable {
        let cloud: Cloud
        let journal: PlayJournal
        let runs: [RehearsedRun]
    }

    /// What several pools are called; nil is the only one.
    private var letters: [String?] {
        guard settings.pools > 1 else { return [nil] }
        return PlaySettings.poolNames.prefix(settings.pools).map { letter in letter }
    }

    /// Plays it.
    func run() async throws -> Outcome {
        let time = Timebase()
        let endpoint = EndpointProcess(settings.endpoint)
        let plan = settings.chaos.map { FaultPlan(seed: settings.seed, $0) }
        let (events, feed) = AsyncStream<Happening>.makeStream()
        let journals: [PlayJournal] = letters.map { makeJournal($0, time, endpoint, feed) }
        let journal = journals[0]
        journal.print(announcement(plan))
        let (ports, port) = AsyncStream<Int>.makeStream()
        let router = Router()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await WebServer(answer: router.answer).run { port.yield($0) }
            }
            var iterator = ports.makeAsyncIterator()
            guard let bound = await iterator.next() else { throw CancellationError() }
            let base = "http://127.0.0.1:\(bound)"
            let pools = try makePools(journals, base: base, time)
            let cloud = pools[0].cloud
            router.set(pools.map(\.cloud))
            for pool in pools { group.addTask { await pool.cloud.terraform.watch() } }
            let function = await function(&group, time, journal)
            if let function { group.addTask { await function.lambda.run(endpoint) } }
            // Also after an error or Ctrl-C: what ends from here on ends because of that.
            let result: Result<Bool, any Error>
            do {
                try await start(endpoint, function, pools, base: base)
                for pool in pools {
                    group.addTask { await pool.cloud.ecs.run(base: base) }
                    group.addTask { await arrive(pool.runs, in: pool.cloud.terraform) }
                }
                if settings.broken == .oneSignal {
                    let breaker = SecondSignal(ecs: cloud.ecs, journal: journal, events: events)
                    group.addTask { await breaker.run() }
                }
                if let plan {
                    await saboteur(plan, cloud, endpoint, journal, time).run()
                    try Task.checkCancellation()
                }
                result = .success(try await restAndJudge(pools, time))
            } catch {
                result = .failure(error)
            }
            let summaries = await summaries(of: pools, time)
            for pool in pools { await pool.cloud.ecs.close() }
            endpoint.close()
            await function?.lambda.close()
            if case .success = result { journal.print(Self.text(of: summaries)) }
            if let keep = settings.keep { journal.print("\nlogs are in \(keep)") }
            return Outcome(isFine: try result.get(), figures: PlayFigures(summaries.map(\.figures)))
        }
    }

    private func makeJournal(
        _ pool: String?,
        _ time: Timebase,
        _ endpoint: EndpointProcess,
        _ feed: AsyncStream<Happening>.Continuation
    ) -> PlayJournal {
        PlayJournal(
            time: time,
            paint: Paint(isOn: settings.isColored),
            pool: pool,
            directory: folder.logs,
            book: RuleBook(floor: settings.desiredCount, isShared: settings.mode == .shared),
            watch: { [settings] event in
                if case .line(.endpoint, let text) = event { endpoint.read(text) }
                if settings.broken == .oneSignal { feed.yield(event) }
            }
        )
    }

    private func makePools(
        _ journals: [PlayJournal],
        base: String,
        _ time: Timebase
    ) throws -> [PlayedPool] {
        var random = SeededRandom(seed: settings.seed)
        var clouds: [Cloud] = []
        for (name, journal) in zip(letters, journals) {
            clouds.append(
                try Cloud(
                    settings,
                    pool: name,
                    beside: clouds.first,
                    folder,
                    base: base,
                    time: time,
                    journal: journal,
                    random: &random
                )
            )
        }
        let runs = makeRuns(&random)
        return clouds.enumerated().map { place, cloud in
            let own = runs.enumerated().filter { $0.offset % clouds.count == place }
            return PlayedPool(cloud: cloud, journal: journals[place], runs: own.map(\.element))
        }
    }

    /// A local Lambda and where it serves.
    private struct Function {
        let lambda: LambdaStandIn
        let port: Int
    }

    /// Starts the local Lambda, if this rehearsal has one, on a server of its own.
    private func function(
        _ group: inout ThrowingTaskGroup<Void, any Error>,
        _ time: Timebase,
        _ journal: PlayJournal
    ) async -> Function? {
        guard settings.endpoint == .lambda else { return nil }
        // A sequence of its own: one seed makes the same runs with either endpoint.
        let random = SeededRandom(seed: ~settings.seed)
        let lambda = LambdaStandIn(time: time, journal: journal, random: random)
        let (ports, port) = AsyncStream<Int>.makeStream()
        group.addTask {
            try await WebServer(answer: { await lambda.answer($0) }).run { port.yield($0) }
        }
        for await bound in ports { return Function(lambda: lambda, port: bound) }
        return nil
    }

    private func saboteur(
        _ plan: FaultPlan,
        _ cloud: Cloud,
        _ endpoint: EndpointProcess,
        _ journal: PlayJournal,
        _ time: Timebase
    ) -> Saboteur {
        Saboteur(
            plan: plan,
            calls: cloud.calls,
            ecs: cloud.ecs,
            aws: cloud.aws,
            endpoint: endpoint,
            journal: journal,
            time: time,
            spotMilliseconds: Int(settings.spotSeconds * 1000)
        )
    }

    private func makeRuns(_ random: inout SeededRandom) -> [RehearsedRun] {
        let letters = letters
        return (1...settings.runs).map { number in
            let pool = letters[(number - 1) % letters.count].map { $0 + "-" } ?? ""
            let outcome =
                settings.isMixed ? RunOutcome.allCases.randomElement(using: &random) : .applied
            let life = RunLife(
                id: random.id("run"),
                outcome: outcome ?? .applied,
                plan: Int(settings.planSeconds * 1000),
                apply: Int(settings.applySeconds * 1000)
            )
            return RehearsedRun(life, workspace: "\(pool)workspace-\(number)")
        }
    }

    private func arrive(_ runs: [RehearsedRun], in terraform: TerraformStandIn) async {
        let gap = settings.spreadSeconds / Double(max(runs.count - 1, 1))
        for (index, run) in runs.enumerated() {
            if index > 0 { try? await Task.sleep(for: .seconds(gap)) }
            if Task.isCancelled { return }
            await terraform.create(run)
        }
    }

    private func start(
        _ endpoint: EndpointProcess,
        _ function: Function?,
        _ pools: [PlayedPool],
        base: String
    ) async throws {
        let journal = pools[0].journal
        var program = pools[0].cloud.endpointProgram
        if pools.count > 1 { program.environment.serve(pools.map(\.cloud)) }
        if let function {
            program.environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:\(function.port)"
        }
        try endpoint.start(program, journal: journal) { await function?.lambda.functionEnded() }
        let deadline = ContinuousClock.now + EndpointProcess.startLimit
        while endpoint.port == nil {
            guard ContinuousClock.now < deadline && !endpoint.hasFailed else {
                throw PlayError(description: "\(settings.endpoint.executable) did not get ready")
            }
            if let function, await function.lambda.hasStarted {
                endpoint.isReady(at: function.port)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        for pool in pools {
            try await pool.cloud.terraform.createRunTask(
                base: base,
                endpoint: "http://127.0.0.1:\(endpoint.port ?? 0)/"
            )
        }
    }
}

extension [String: String] {
    /// Has the endpoint serve several pools: each but the last by the names of its workspaces, the
    /// last as the default.
    fileprivate mutating func serve(_ clouds: [Cloud]) {
        let hasToken = self["TFE_TOKEN"] != nil
        for name in ["ECS_CLUSTER", "ECS_SERVICE", "TFC_AGENT_POOL_NAME", "TFC_AGENT_POOL_ID"] {
            self[name] = nil
        }
        let pools = zip(PlaySettings.poolNames, clouds).enumerated().map { place, pool in
            let (name, cloud) = pool
            var fields: [String: JSON] = [
                "name": .string(name), "ecs_cluster": .string(cloud.names.cluster),
                "ecs_service": .string(cloud.names.service),
            ]
            if place < clouds.count - 1 {
                fields["when"] = ["workspaces": [.string(name + "-*")]]
            } else {
                fields["default"] = true
            }
            if hasToken {
                fields["agent_pool_name"] = .string(cloud.organization.poolName)
                fields["agent_pool_id"] = .string(cloud.organization.poolID)
            }
            return JSON.object(fields)
        }
        self["POOLS"] = JSON.array(pools).text
    }
}
