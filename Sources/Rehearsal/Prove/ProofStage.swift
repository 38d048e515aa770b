import AWS
import Curl
import Decisions
import FoundationEssentials
import Model
import Ports
import Rules

/// Plays HCP Terraform to what was deployed: calls the endpoint as a run task does, offers jobs to the
/// stand-in agents, and does what the acts are about.
actor ProofStage {
    /// A fact that no line and no call of ECS tells afterwards, with its time since 1970.
    typealias Noted = (at: WallTime, fact: Fact)

    private let account: ProofAccount
    private let target: ProofTarget
    private let watch: ProofWatch
    private let pace: ProofPace
    private let ground: any ProofGround
    private let say: @Sendable (String) -> Void
    private var number = 0
    private(set) var facts: [Noted] = []
    private(set) var rollout: ReplacementSeen.Rollout?
    private(set) var jobs = 0

    init(
        _ account: ProofAccount,
        _ target: ProofTarget,
        _ watch: ProofWatch,
        _ pace: ProofPace,
        _ ground: any ProofGround,
        say: @escaping @Sendable (String) -> Void
    ) {
        self.account = account
        self.target = target
        self.watch = watch
        self.pace = pace
        self.ground = ground
        self.say = say
    }

    func play(_ act: ProofAct) async throws {
        // An idle agent of the act before would take what this one is about.
        try await watch.look()
        try await until("agents without a job did not leave") {
            watch.service?.desired == 0 && watch.tasks.allSatisfy { $0.stoppedAt != nil }
        }
        say("\(act.rawValue): \(act.explanation)")
        switch act {
        case .runs: try await playRuns()
        case .deployment: try await playDeployment()
        case .stop: try await playStop()
        case .refusal: try await playRefusal()
        case .edit: try await playEdit()
        }
    }

    // MARK: Acts

    private func playRuns() async throws {
        let runs = [makeRun(), makeRun()]
        for run in runs { try await begin(run, seconds: pace.job) }
        for run in runs {
            try await finish(run)
            try await call(run, .preApply)
            try await offer(run, "apply", seconds: pace.job)
        }
        for run in runs {
            try await wait(for: run, "apply", .finished)
            try await call(run, .postApply)
            end(run)
        }
    }

    private func playDeployment() async throws {
        let (long, brief, third) = (
            makeRun(planOnly: true), makeRun(planOnly: true), makeRun(planOnly: true)
        )
        try await begin(long, seconds: pace.longestJob)
        try await begin(brief, seconds: pace.longJob)
        for run in [long, brief] { try await wait(for: run, "plan", .taken) }
        let names = account.names
        let before = try await account.ecs.describeService(
            cluster: names.cluster,
            service: names.service
        )
        let began = WallTime.now()
        let after = try await account.ecs.deployAgain(
            cluster: names.cluster,
            service: names.service
        )
        guard let old = before.primaryID, let new = after.primaryID, old != new else {
            throw ProofError(description: "ECS made no deployment")
        }
        say("  \(new) takes the place of \(old), while both agents work")
        // Whose place ECS has to fill: the others it replaces by itself, as a deployment does.
        let task = try await worker(of: brief)
        try await begin(third, seconds: pace.job)
        say("  task \(short(task)) is stopped meanwhile")
        try await stop(task)
        for run in [brief, third, long] {
            try await finish(run)
            end(run)
        }
        try await until("\(old) was not gone") {
            watch.service?.deployments.contains { $0.id == old } == false
        }
        rollout = .init(old: old, new: new, began: began, ended: WallTime.now())
    }

    private func playStop() async throws {
        let run = makeRun(planOnly: true)
        try await begin(run, seconds: pace.longJob)
        let task = try await worker(of: run)
        say("  task \(short(task)) is stopped while it works")
        try await stop(task)
        try await finish(run)
        end(run)
    }

    private func playRefusal() async throws {
        try await ground.refuseProtection(true)
        do {
            try await Task.sleep(for: .seconds(pace.rights))
            let run = makeRun(planOnly: true)
            try await begin(run, seconds: pace.longJob)
            let task = try await worker(of: run)
            say("  task \(short(task)) works without protection, since the run comes first")
            try await finish(run)
            end(run)
        } catch {
            // Whoever interrupts wants all of it taken away.
            if !Task.isCancelled { try? await ground.refuseProtection(false) }
            throw error
        }
        try await ground.refuseProtection(false)
    }

    private func playEdit() async throws {
        let run = makeRun(planOnly: true)
        try await begin(run, seconds: pace.longestJob)
        _ = try await worker(of: run)
        let names = account.names
        let before = try await account.ecs.describeService(
            cluster: names.cluster,
            service: names.service
        ).desired
        facts.append(
            (WallTime.now(), .desiredCount(from: before, to: 0, by: .person))
        )
        _ = try await account.ecs.updateService(
            cluster: names.cluster,
            service: names.service,
            desiredCount: 0
        )
        say("  desiredCount is 0 now, by hand")
        try await watch.look()
        try await until("the endpoint did not put desiredCount right") {
            (watch.service?.desired ?? 0) > 0
        }
        say("  the endpoint has put it right")
        try await finish(run)
        end(run)
    }

    private func stop(_ task: TaskID) async throws {
        try await account.ecs.stopTask(
            cluster: account.names.cluster,
            task,
            reason: "rehearsal prove stops a task"
        )
    }

    // MARK: Runs

    private struct Run: Sendable {
        let id: String
        let isPlanOnly: Bool
        let number: Int
    }

    private func makeRun(planOnly: Bool = false) -> Run {
        number += 1
        let random = String(UInt64.random(in: .min ... .max), radix: 36)
        return Run(id: "run-\(random)", isPlanOnly: planOnly, number: number)
    }

    /// The run is queued: the endpoint is called, and the plan waits for an agent.
    private func begin(_ run: Run, seconds: Double) async throws {
        try await call(run, .prePlan)
        try await offer(run, "plan", seconds: seconds)
    }

    /// Waits for the plan's end.
    private func finish(_ run: Run) async throws {
        try await wait(for: run, "plan", .finished)
        try await call(run, .postPlan)
    }

    private func end(_ run: Run) { facts.append((WallTime.now(), .runEnded(run.id, .asMeant))) }

    private func job(_ run: Run, _ type: String) throws -> Job {
        guard let job = Job(id: run.id, type: type) else {
            throw ProofError(description: "\(run.id) is no job's id")
        }
        return job
    }

    private func offer(_ run: Run, _ type: String, seconds: Double) async throws {
        jobs += 1
        try await account.jobs.offer(
            try job(run, type),
            number: jobs,
            milliseconds: Int(seconds * 1_000)
        )
    }

    /// Waits until the job is so far; one that is further is, too.
    @discardableResult
    private func wait(
        for run: Run,
        _ type: String,
        _ state: JobTable.Entry.State
    ) async throws -> JobTable.Entry {
        let wanted = try job(run, type)
        var found: JobTable.Entry?
        do {
            try await until("\(wanted) was not \(state.rawValue)") {
                found = try await account.jobs.entries().first { $0.job == wanted }
                return found?.state == state || found?.state == .finished
            }
        } catch let error as ProofError {
            facts.append((WallTime.now(), .runEnded(run.id, .failed(error.description))))
            throw error
        }
        guard let found else { throw ProofError(description: "\(wanted) is gone") }
        return found
    }

    /// The task whose agent has the run's plan: the sidecar gives its agent the service's and the
    /// task's name.
    private func worker(of run: Run) async throws -> TaskID {
        let entry = try await wait(for: run, "plan", .taken)
        let start = account.names.service + "-"
        guard let agent = entry.agent, agent.hasPrefix(start) else {
            throw ProofError(
                description: "\(entry.agent ?? "nobody") is no name that a sidecar gives"
            )
        }
        return TaskID(String(agent.dropFirst(start.count)))
    }

    // MARK: HCP Terraform's part

    /// HCP Terraform calls again where it gets no answer, or one of 500 and more.
    private static let calls = 5
    private static let callDeadline: Duration = .seconds(20)

    private func call(_ run: Run, _ stage: TaskStage) async throws {
        let message = RunTaskMessage(
            run: run.id,
            stage: stage,
            resultID: "taskrs-\(run.number)",
            accessToken: SecretKind.accessToken.random(),
            guid: SecretKind.callback.random()
        )
        let body = message.payload(
            workspace: "proof-\(run.number)",
            organization: "proof",
            planOnly: run.isPlanOnly,
            base: target.address,
            createdAt: Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        )
        var request = HTTPRequest(
            .post,
            target.webhook,
            headers: RunTaskMessage.headers(for: body, key: target.hmacKey),
            body: body
        )
        request.deadline = Self.callDeadline
        var answer = "no answer"
        for attempt in 1...Self.calls {
            do {
                let response = try await account.http.send(request)
                if response.status == 200 { return }
                answer = "HTTP status \(response.status)"
                guard response.status >= 500 else { break }
            } catch {
                answer = "\(error)"
            }
            try await Task.sleep(for: .seconds(attempt))
        }
        let fault = "the endpoint did not take \(stage.rawValue) of \(run.id): \(answer)"
        facts.append((WallTime.now(), .runEnded(run.id, .failed(fault))))
        throw ProofError(description: fault)
    }

    /// - Parameter complaint: what is said where it does not come.
    private func until(
        _ complaint: String,
        _ holds: () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + .seconds(pace.patience)
        while try await !holds() {
            guard ContinuousClock.now < end else {
                throw ProofError(description: "\(complaint) within \(Int(pace.patience)) s")
            }
            try await Task.sleep(for: .seconds(pace.look))
        }
    }
}

extension ServiceCounts {
    /// The id of the primary deployment.
    fileprivate var primaryID: String? { deployments.first { $0.isPrimary }?.id }
}
