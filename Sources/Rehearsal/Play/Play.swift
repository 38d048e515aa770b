import AgentLink
import Glibc
import Model
import Rules
import Seeded

/// One rehearsal: the stand-ins, the endpoint, the service's tasks, the runs.
struct Play: Sendable {
    static let executables = ["agent-sidecar", "agent-launcher", "stand-in-agent"]

    let settings: PlaySettings
    let names = ServiceNames()
    let folder: PlayFolder

    init(_ settings: PlaySettings) throws(PlayError) {
        self.settings = settings
        let executables = Self.executables + [settings.endpoint.executable]
        for name in executables where access("\(settings.bin)/\(name)", X_OK) != 0 {
            throw PlayError(
                description: "\(name) is not in \(settings.bin); `swift build` builds it"
            )
        }
        folder = try PlayFolder(settings)
    }

    /// Plays it; returns whether every run finished, every rule held and the service is at rest.
    func run() async throws -> Bool {
        let time = Timebase()
        let endpoint = EndpointProcess(settings.endpoint)
        let plan = settings.chaos.map { FaultPlan(seed: settings.seed, $0) }
        let (events, feed) = AsyncStream<Happening>.makeStream()
        let journal = PlayJournal(
            time: time,
            paint: Paint(isOn: settings.isColored),
            directory: folder.logs,
            book: RuleBook(floor: settings.desiredCount, isShared: settings.mode == .shared),
            watch: { [settings] event in
                if case .line(.endpoint, let text) = event { endpoint.read(text) }
                if settings.broken == .oneSignal { feed.yield(event) }
            }
        )
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
            var random = SeededRandom(seed: settings.seed)
            let cloud = try Cloud(
                settings,
                names,
                folder,
                base: base,
                time: time,
                journal: journal,
                random: &random
            )
            router.set(cloud)
            let runs = makeRuns(&random)
            group.addTask { await cloud.terraform.watch() }
            let function = await function(&group, time, journal)
            if let function { group.addTask { await function.lambda.run(endpoint) } }
            // Also after an error or Ctrl-C: what ends from here on ends because of that.
            let result: Result<Bool, any Error>
            do {
                try await start(endpoint, function, cloud, base: base, journal: journal)
                group.addTask { await cloud.ecs.run(base: base) }
                group.addTask { await arrive(runs, in: cloud.terraform) }
                if settings.broken == .oneSignal {
                    let breaker = SecondSignal(ecs: cloud.ecs, journal: journal, events: events)
                    group.addTask { await breaker.run() }
                }
                if let plan {
                    await saboteur(plan, cloud, endpoint, journal, time).run()
                    try Task.checkCancellation()
                }
                let end = try await waitForRest(cloud, time, journal)
                await judge(end, cloud, time, journal)
                result = .success(end == .atRest && journal.verdict.holds)
            } catch {
                result = .failure(error)
            }
            let summary = await summary(cloud, time, journal)
            await cloud.ecs.close()
            endpoint.close()
            await function?.lambda.close()
            if case .success = result { journal.print(summary.text) }
            if let keep = settings.keep { journal.print("\nlogs are in \(keep)") }
            return try result.get()
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
        (1...settings.runs).map { number in
            let outcome =
                settings.isMixed ? RunOutcome.allCases.randomElement(using: &random) : .applied
            let life = RunLife(
                id: random.id("run"),
                outcome: outcome ?? .applied,
                plan: Int(settings.planSeconds * 1000),
                apply: Int(settings.applySeconds * 1000)
            )
            return RehearsedRun(life, workspace: "workspace-\(number)")
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
        _ cloud: Cloud,
        base: String,
        journal: PlayJournal
    ) async throws {
        var program = cloud.endpointProgram
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
        try await cloud.terraform.createRunTask(
            base: base,
            endpoint: "http://127.0.0.1:\(endpoint.port ?? 0)/"
        )
    }
}
