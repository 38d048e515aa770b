import AWS
import AgentLink
import AgentLinkServer
import Curl
import Daemon
import Decisions
import HCPTerraform
import Ports
import ProductVersion
import Telemetry

/// Builds everything that the loop needs, in the order of a task's start, and runs it.
enum Sidecar {
    /// - Returns: the exit code.
    static func run(_ environment: [String: String], stops: AsyncStream<Int32>) async -> Int32 {
        let born = ContinuousClock.now
        let volume = SharedVolume(environment)
        // Before anything is done, since it decides what a failure means.
        let restarted = volume.agentAllowed
        let log: ProgramLog
        let settings: SidecarSettings
        do {
            settings = try SidecarSettings(environment)
            log = ProgramLog(
                of: "agent-sidecar",
                threshold: settings.logLevel,
                embedding: settings.metrics
            )
        } catch {
            complain("\(error)")
            let minute = FirstMinute { complain($0) }
            let listening = Task { await minute.listen(to: stops) }
            defer { listening.cancel() }
            if restarted { await minute.rest() }
            return 1
        }
        let minute = FirstMinute { log(.startRetried, $0) }
        let listening = Task { await minute.listen(to: stops) }
        defer { listening.cancel() }
        let parts: Parts
        do {
            parts = try await start(settings, environment, volume, minute, log)
        } catch {
            log(.cannotStart, "cannot start", [.cause: "\(error)"])
            if restarted { await minute.rest() }
            return 1
        }
        defer { parts.stop() }
        parts.journal.say(
            .sidecarStarted,
            "started",
            [
                .mode: "\(settings.mode.rawValue)", .restarted: .flag(restarted),
                .version: "\(ProductVersion.current)", .libraries: "\(CurlClient.libraries)",
            ]
        )
        var loop = SidecarLoop(
            Retirement.Settings(
                idleTimeout: settings.idleTimeout,
                firstJobTimeout: settings.firstJobTimeout,
                maxLifetime: settings.maxLifetime,
                renewal: settings.mode == .renewed
                    ? Retirement.Renewal(
                        maxJobs: settings.maxJobs,
                        agentNumber: volume.agentNumber
                    ) : nil,
                watchesAgent: settings.terraformToken != nil,
                restarted: restarted,
                hasPredecessor: parts.hasPredecessor,
                age: born.duration(to: .now),
                timing: settings.timing
            ),
            meter: LifeMeter(parts.start, restarted: restarted),
            effects: parts.effects,
            journal: parts.journal
        )
        parts.link.takeOver()
        await loop.run(link: parts.link.events, stops: minute.stops)
        return 0
    }

    /// What the loop needs once the task, its volume and its settings are known to fit.
    private struct Parts {
        let hasPredecessor: Bool
        let start: LifeMeter.Start
        let http: CurlClient
        let link: LinkServer
        let effects: Effects
        let journal: Journal

        func stop() {
            link.stop()
            http.stop()
        }
    }

    private static func start(
        _ settings: SidecarSettings,
        _ environment: [String: String],
        _ volume: SharedVolume,
        _ minute: FirstMinute,
        _ log: ProgramLog
    ) async throws -> Parts {
        let http = try await minute.attempt("libcurl cannot be used") {
            try CurlClient(connections(settings))
        }
        let hasPredecessor = volume.hasLink
        var opened: LinkServer?
        do {
            // First, so that the launcher hears that there is a sidecar, whatever keeps this one.
            let link = try await minute.attempt("the link cannot be opened") {
                try LinkServer(directory: volume.directory, isUnread: true)
            }
            opened = link
            let client = TaskMetadataClient(uri: settings.metadataURI, http: http)
            let metadata = try await minute.attempt("the task metadata cannot be read") {
                try await client.task()
            }
            // Before anything is written: what does not fit this task is another service's.
            let place = try ECSPlace(settings, metadata)
            let aws = AWSClient(
                try AWSEnvironment(environment, region: metadata.region),
                credentials: CredentialsProvider(settings.credentials, http: http),
                http: http
            )
            // Its failure costs nothing yet; allowing the agent to start is where it counts.
            volume.reserveMarker()
            let meter = LedgerMeter()
            let journal = Journal(
                log.gathering { meter.measured }.with([
                    .cluster: "\(place.cluster)", .service: "\(place.service)",
                    .task: "\(metadata.taskID)",
                    .agent: "\(place.service)-\(metadata.taskID)",
                ])
            )
            return Parts(
                hasPredecessor: hasPredecessor,
                start: LifeMeter.Start(metadata, at: .now()),
                http: http,
                link: link,
                effects: effects(
                    settings,
                    place,
                    metadata,
                    hasPredecessor: hasPredecessor,
                    aws,
                    http,
                    link,
                    volume,
                    journal,
                    meter
                ),
                journal: journal
            )
        } catch {
            opened?.stop()
            http.stop()
            throw error
        }
    }

    static func connections(_ settings: SidecarSettings) -> CurlConfiguration {
        CurlConfiguration(
            userAgent: "agent-sidecar",
            caBundlePath: settings.authorities.path,
            moreAuthorities: settings.authorities.more
        )
    }

    private static func effects(
        _ settings: SidecarSettings,
        _ place: ECSPlace,
        _ metadata: TaskMetadata,
        hasPredecessor: Bool,
        _ aws: AWSClient,
        _ http: any HTTPClient,
        _ link: LinkServer,
        _ volume: SharedVolume,
        _ journal: Journal,
        _ meter: LedgerMeter
    ) -> Effects {
        let ecs = ECSClient(aws)
        let service = ECSService(ecs, cluster: place.cluster, service: place.service)
        let store = DynamoDBLedgerStore(
            aws,
            table: settings.ledgerTable,
            cluster: place.cluster,
            service: place.service,
            environment: settings.limits,
            adoption: service.adoption(by: metadata.taskID),
            meter: meter
        )
        return Effects(
            metadata: metadata,
            agentName: "\(place.service)-\(metadata.taskID)",
            protectionMinutes: settings.protectionMinutes,
            announcedJobTimeout: settings.announcedJobTimeout,
            timing: settings.timing,
            hasPredecessor: hasPredecessor,
            store: store,
            service: service,
            start: OwnStart {
                try await ecs.describeTask(cluster: place.cluster, task: metadata.taskID)
            },
            projector: Projector(store, service),
            protection: TaskProtectionClient(
                uri: settings.agentURI,
                task: metadata.taskID,
                http: http
            ),
            terraform: settings.terraformToken.map { source in
                TerraformView(
                    TerraformAPI(
                        http,
                        address: settings.terraformAddress,
                        token: TokenSource(source, SSMClient(aws))
                    ),
                    journal: journal
                )
            },
            link: link,
            volume: volume,
            journal: journal
        )
    }
}

extension LifeMeter.Start {
    /// - Parameter now: when this sidecar's clock began, near enough.
    fileprivate init(_ metadata: TaskMetadata, at now: WallTime) {
        guard let begin = metadata.pullStartedAt, let end = metadata.pullStoppedAt, begin <= end
        else { return }
        pull = end.since(begin)
        sincePull = max(.zero, now.since(end))
    }
}

extension TokenSource {
    /// A token that is read when it is first needed, and again once HCP Terraform refuses it.
    fileprivate init(_ source: SecretSource, _ ssm: SSMClient) {
        let held = HeldSecret(source) { try await $0.read(ssm) }
        self.init(
            current: { try await held.value() },
            wasRefused: { await held.wasRefused($0) }
        )
    }
}

extension ECSPlace {
    /// Which service of which cluster this task belongs to.
    ///
    /// - Throws: what of the settings contradicts the task itself: a sidecar that followed it
    ///   would move a service that its agent is no part of.
    init(_ settings: SidecarSettings, _ metadata: TaskMetadata) throws(SettingsFault) {
        var reader = SettingsReader([:])
        if let cluster = settings.cluster {
            let own = metadata.clusterARN ?? metadata.cluster
            let isSame =
                if let given = cluster.arn, let real = metadata.clusterARN {
                    given == real
                } else {
                    cluster.short == metadata.cluster
                }
            if !isSame { reader.contradiction("ECS_CLUSTER", cluster, "cluster", own) }
        }
        if let service = settings.service {
            if let own = metadata.serviceName, own != service.short {
                reader.contradiction("ECS_SERVICE", service, "service", own)
            }
            if let cluster = service.cluster, cluster != metadata.cluster {
                reader.contradiction("ECS_SERVICE", service, "cluster", metadata.cluster)
            }
        } else if metadata.serviceName == nil {
            reader.fault(
                "ECS_SERVICE",
                value: nil,
                expected: "the service's name, since the task metadata does not tell it here"
            )
        }
        try reader.check()
        self.init(
            cluster: metadata.cluster,
            service: settings.service?.short ?? metadata.serviceName ?? ""
        )
    }
}

extension SettingsReader {
    fileprivate mutating func contradiction(
        _ name: String,
        _ given: ECSName,
        _ kind: String,
        _ own: String
    ) {
        problem(
            "\(name) is \(given.arn ?? given.short), but this task is of \(kind) \(own); expected: "
                + "the same, or leave it unset"
        )
    }
}
