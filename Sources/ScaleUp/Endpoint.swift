internal import AWS
package import Curl
internal import Decisions
package import HCPTerraform
package import Logging

/// The scale-up endpoint: judges a request, announces its job, calls back, answers. It never
/// lowers anything.
package struct Endpoint: Sendable {
    private let policy: @Sendable () async throws -> Verdict.Policy
    private let announcer: Announcer
    private let callback: CallbackClient
    private let logger: Logger
    private let clock = ContinuousClock()

    /// Time for one request. HCP Terraform does not publish how long it waits; ten seconds is
    /// the limit of its other webhooks, and a repeat is harmless.
    package static let budget: Duration = .seconds(8)
    /// Time for one try of the callback.
    static let callbackDeadline: Duration = .seconds(3)

    /// - Parameters:
    ///   - policy: asked for with each request, so that a key can be replaced without restart.
    ///   - announcer: the way to ledger and service.
    ///   - callback: the way to HCP Terraform.
    ///   - logger: gets one line for each request; never a token, key or callback URL.
    package init(
        policy: @escaping @Sendable () async throws -> Verdict.Policy,
        announcer: Announcer,
        callback: CallbackClient,
        logger: Logger
    ) {
        self.policy = policy
        self.announcer = announcer
        self.callback = callback
        self.logger = logger
    }

    package func respond(to request: EndpointRequest) async -> EndpointResponse {
        let started = clock.now
        let current: Verdict.Policy
        do {
            current = try await policy()
        } catch {
            logger.error("the run task key cannot be read", metadata: ["cause": "\(error)"])
            return EndpointResponse(503, "The run task key cannot be read.")
        }
        switch Verdict(request, current) {
        case .refuse(let response):
            logger.warning(
                "refused a request",
                metadata: ["status": "\(response.status)", "reason": "\(response.body)"]
            )
            return response
        case .verification:
            logger.info("answered a verification request")
            return EndpointResponse(200, "")
        case .act(let request, let job):
            return await act(request, job, started: started)
        }
    }

    private func act(
        _ request: RunTaskRequest,
        _ job: Job?,
        started: ContinuousClock.Instant
    ) async -> EndpointResponse {
        var logger = logger
        logger[metadataKey: "run"] = "\(request.runID)"
        logger[metadataKey: "stage"] = "\(request.stage.rawValue)"
        logger[metadataKey: "workspace"] = "\(request.workspaceName)"
        var sentence = "No agent is needed for this stage"
        if let job {
            do {
                sentence = try await announcer.announce(job).sentence
            } catch {
                logger.error("cannot announce \(job)", metadata: ["cause": "\(error)"])
                return EndpointResponse(503, "Ledger or service cannot be reached; try again.")
            }
        }
        let outcome = await call(back: sentence, for: request, started: started)
        let took = started.duration(to: clock.now)
        logger[metadataKey: "milliseconds"] = "\(took.milliseconds)"
        switch outcome {
        case .accepted, .alreadyFinal:
            logger.info("\(job.map { "announced \($0)" } ?? "passed"): \(sentence)")
            return EndpointResponse(200, "")
        case .rejected(let status):
            // Its token or task is void, so a repeat would be refused as well.
            logger.error("the callback was rejected", metadata: ["status": "\(status)"])
            return EndpointResponse(200, "")
        case .unclear(let cause):
            logger.error("the callback failed", metadata: ["cause": "\(cause)"])
            return EndpointResponse(503, "HCP Terraform's callback cannot be reached; try again.")
        }
    }

    /// Tries the callback until it is answered or the budget is used up.
    private func call(
        back sentence: String,
        for request: RunTaskRequest,
        started: ContinuousClock.Instant
    ) async -> CallbackOutcome {
        let result = TaskResult(.passed, sentence)
        var pause: Duration = .milliseconds(200)
        while true {
            let left = Self.budget - started.duration(to: clock.now)
            let outcome = await callback.send(
                result,
                for: request,
                deadline: min(Self.callbackDeadline, max(left, .milliseconds(500)))
            )
            guard case .unclear = outcome, left > pause + .milliseconds(500) else {
                return outcome
            }
            try? await Task.sleep(for: pause)
            pause *= 2
        }
    }
}

extension Endpoint {
    /// The endpoint over the real AWS and HCP Terraform.
    package init(_ settings: EndpointSettings, http: any HTTPClient, logger: Logger) {
        let aws = AWSClient(
            settings.aws,
            credentials: CredentialsProvider(settings.credentials, http: http),
            http: http,
            totalDeadline: Self.budget / 2
        )
        let service = ECSService(
            ECSClient(aws),
            cluster: settings.cluster,
            service: settings.service
        )
        let store = DynamoDBLedgerStore(
            aws,
            table: settings.ledgerTable,
            cluster: settings.cluster,
            service: settings.service,
            environment: settings.limits
        )
        let keys = RunTaskKeys(settings.key, ssm: SSMClient(aws))
        self.init(
            policy: {
                Verdict.Policy(
                    keys: try await keys.current(),
                    origin: settings.origin,
                    announceStages: settings.announceStages
                )
            },
            announcer: Announcer(
                store: store,
                service: service,
                clock: { .now() }
            ),
            callback: CallbackClient(http),
            logger: logger
        )
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}
