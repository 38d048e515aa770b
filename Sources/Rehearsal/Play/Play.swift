import FoundationEssentials
import Glibc
import Seeded

/// The rehearsal could not be set up; nothing of it runs any more.
struct PlayError: Error, CustomStringConvertible {
    var description: String
}

/// One rehearsal: the stand-ins, the endpoint, the service's tasks, the runs.
struct Play: Sendable {
    static let agentTokenParameter = "/rehearsal/agent-token"
    static let hmacKeyParameter = "/rehearsal/run-task-hmac-key"
    static let executables = ["agent-sidecar", "agent-launcher", "stand-in-agent"]

    let settings: PlaySettings
    let names = ServiceNames()
    /// The temporary directory, and where logs go.
    let directory: String
    let logs: String
    /// In the environment of every process of this rehearsal.
    let marker: String

    init(_ settings: PlaySettings) throws(PlayError) {
        self.settings = settings
        let executables = Self.executables + [settings.endpoint.executable]
        for name in executables where access("\(settings.bin)/\(name)", X_OK) != 0 {
            throw PlayError(
                description: "\(name) is not in \(settings.bin); `swift build` builds it"
            )
        }
        var template = Array("/tmp/rehearsal-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw PlayError(description: "no directory could be made in /tmp: errno \(errno)")
        }
        directory = template.withUnsafeBufferPointer { buffer in
            String(decoding: buffer.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        marker = String(directory.dropFirst("/tmp/".count)) + "-\(getpid())"
        logs = settings.keep ?? directory + "/logs"
        do {
            let files = FileManager.default
            try files.createDirectory(atPath: logs, withIntermediateDirectories: true)
            try files.createDirectory(
                atPath: directory + "/image",
                withIntermediateDirectories: true
            )
            try files.createSymbolicLink(
                atPath: directory + "/image/tfc-agent",
                withDestinationPath: settings.bin + "/stand-in-agent"
            )
        } catch {
            throw PlayError(description: "\(logs): \(error)")
        }
    }

    /// Plays it; returns whether every run finished, every rule held and the service is at rest.
    func run() async throws -> Bool {
        let time = Timebase()
        let endpoint = Endpoint(settings.endpoint)
        let journal = Journal(
            time: time,
            paint: Paint(isOn: settings.isColored),
            directory: logs,
            onEndpointLine: { endpoint.read($0) }
        )
        journal.print(announcement)
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
                play: self,
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
                let finished = try await waitForRest(cloud, time)
                await judge(cloud, time, journal, finished: finished)
                result = .success(finished && journal.book.holds)
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

    /// Ends every process of this rehearsal and removes its directory.
    func sweep() { Self.sweep(marker: marker, directory: directory) }

    static func sweep(marker: String, directory: String) {
        Leftovers.kill(Leftovers.rehearsalName, marker: marker)
        try? FileManager.default.removeItem(atPath: directory)
    }

    private var announcement: String {
        """
        Rehearsal: \(settings.runs) run(s) against a local ECS, DynamoDB and HCP Terraform, \
        with the real sidecar, launcher and endpoint as processes.
        seed \(settings.seed), agents \(settings.mode.rawValue), desired_count \
        \(settings.desiredCount), max_count \(settings.maxCount), spare_count \
        \(settings.spareCount)
        plan \(tenths(settings.planSeconds)) s, apply \(tenths(settings.applySeconds)) s, \
        approval after \(tenths(settings.approvalSeconds)) s, boot \
        \(tenths(settings.bootSeconds)) s, idle limit \(settings.idleSeconds) s, first job limit \
        \(settings.firstJobSeconds) s, time limit \(tenths(settings.timeLimitSeconds)) s\
        \(settings.endpoint == .lambda ? Self.lambdaAnnouncement : "")
        executables in \(settings.bin), task definition \(settings.taskDefinition)
        temporary directory \(directory) (removed at the end)\
        \(settings.keep.map { ", logs stay in \($0)" } ?? "; --keep DIR keeps the logs")

        """
    }

    private static let lambdaAnnouncement =
        "\nthe endpoint is scale-up-lambda behind a local Lambda with one instance, with a sweep "
        + "every \(LambdaStandIn.sweepMilliseconds / 1000) s"

    /// A local Lambda and where it serves.
    private struct Function {
        let lambda: LambdaStandIn
        let port: Int
    }

    /// Starts the local Lambda, if this rehearsal has one, on a server of its own.
    private func function(
        _ group: inout ThrowingTaskGroup<Void, any Error>,
        _ time: Timebase,
        _ journal: Journal
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

    private func makeRuns(_ random: inout SeededRandom) -> [Run] {
        (1...settings.runs).map { number in
            let script =
                settings.isMixed ? RunScript.allCases.randomElement(using: &random) : .applies
            return Run(
                id: random.id("run"),
                workspace: "workspace-\(number)",
                script: script ?? .applies,
                planSeconds: settings.planSeconds,
                applySeconds: settings.applySeconds
            )
        }
    }

    private func arrive(_ runs: [Run], in terraform: TerraformStandIn) async {
        let gap = settings.spreadSeconds / Double(max(runs.count - 1, 1))
        for (index, run) in runs.enumerated() {
            if index > 0 { try? await Task.sleep(for: .seconds(gap)) }
            if Task.isCancelled { return }
            await terraform.create(run)
        }
    }

    private func start(
        _ endpoint: Endpoint,
        _ function: Function?,
        _ cloud: Cloud,
        base: String,
        journal: Journal
    ) async throws {
        var program = cloud.endpointProgram
        if let function {
            program.environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:\(function.port)"
        }
        try endpoint.start(program, journal: journal) { await function?.lambda.functionEnded() }
        let deadline = ContinuousClock.now + Endpoint.startLimit
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

    /// Waits until all runs are over and the service has rested for a while, or the limit is up.
    private func waitForRest(_ cloud: Cloud, _ time: Timebase) async throws -> Bool {
        while Double(time.now) / 1000 < settings.timeLimitSeconds {
            let rest = await cloud.rest(floor: settings.desiredCount, at: time.now)
            let (created, final) = await (cloud.terraform.order.count, cloud.terraform.allFinal)
            var trial = RestRule()
            trial.see(.rest(rest))
            if created == settings.runs && final && trial.violations.isEmpty { return true }
            try await Task.sleep(for: .milliseconds(200))
        }
        return false
    }

    private func judge(
        _ cloud: Cloud,
        _ time: Timebase,
        _ journal: Journal,
        finished: Bool
    ) async {
        if !finished {
            let open = await cloud.terraform.runs.values.filter { !$0.phase.isFinal }
                .map { "\($0.id) is \($0.phase.rawValue)" }.sorted()
            journal.record(
                .note("the time limit is up; " + (open.first ?? "every run is final"))
            )
        }
        journal.record(.rest(await cloud.rest(floor: settings.desiredCount, at: time.now)))
    }

    private func summary(
        _ cloud: Cloud,
        _ time: Timebase,
        _ journal: Journal
    ) async -> Summary {
        let terraform = cloud.terraform
        let runs = await terraform.order
        let all = await terraform.runs
        return Summary(
            runs: runs.compactMap { all[$0] },
            agents: Array(await terraform.pool.agents.values),
            tally: journal.tally,
            book: journal.book,
            seconds: Double(time.now) / 1000,
            endedAt: time.now,
            paint: Paint(isOn: settings.isColored)
        )
    }
}
