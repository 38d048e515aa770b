import AWS
import AgentLinkServer
import Curl
import Daemon
import Decisions
import HCPTerraform
import Logging

/// Builds everything that the loop needs, in the order of a task's start, and runs it.
enum Sidecar {
    /// - Returns: the exit code.
    static func run(
        _ settings: SidecarSettings,
        environment: [String: String],
        stops: AsyncStream<Int32>
    ) async -> Int32 {
        let logger = Logger.program("agent-sidecar", environment: environment)
        let journal = Journal(logger)
        let volume = SharedVolume(directory: settings.linkDirectory)
        do {
            let http = try CurlClient(
                CurlConfiguration(
                    userAgent: "agent-sidecar",
                    caBundlePath: environment["SSL_CERT_FILE"]
                )
            )
            defer { http.stop() }
            let metadata = try await TaskMetadataClient(uri: settings.metadataURI, http: http)
                .task()
            let place = try Place(settings, metadata)
            let restarted = volume.isHealthy
            let hasPredecessor = volume.hasLauncher
            try volume.deliverLauncher()
            let link = try LinkServer(directory: settings.linkDirectory)
            defer { link.stop() }
            logger.info(
                "started",
                metadata: [
                    "task": "\(metadata.taskID)", "cluster": "\(place.cluster)",
                    "service": "\(place.service)", "restarted": "\(restarted)",
                ]
            )

            let effects = try makeEffects(
                settings,
                place,
                metadata,
                environment,
                http: http,
                link: link,
                volume: volume,
                journal: journal
            )
            var loop = SidecarLoop(
                Retirement.Settings(
                    idleTimeout: settings.idleTimeout,
                    firstJobTimeout: settings.firstJobTimeout,
                    maxLifetime: settings.maxLifetime,
                    watchesAgent: settings.terraformToken != nil,
                    restarted: restarted,
                    hasPredecessor: hasPredecessor
                ),
                effects: effects,
                journal: journal
            )
            await loop.run(link: link.events, stops: stops)
            return 0
        } catch {
            logger.critical("cannot start", metadata: ["cause": "\(error)"])
            return 1
        }
    }

    private static func makeEffects(
        _ settings: SidecarSettings,
        _ place: Place,
        _ metadata: TaskMetadata,
        _ environment: [String: String],
        http: any HTTPClient,
        link: LinkServer,
        volume: SharedVolume,
        journal: Journal
    ) throws -> Effects {
        let aws = AWSClient(
            try AWSEnvironment(environment, region: metadata.region),
            credentials: CredentialsProvider(settings.credentials, http: http),
            http: http
        )
        let service = ECSService(ECSClient(aws), cluster: place.cluster, service: place.service)
        let store = DynamoDBLedgerStore(
            aws,
            table: settings.ledgerTable,
            cluster: place.cluster,
            service: place.service,
            environment: settings.limits,
            founding: service.founding(of: metadata.taskID)
        )
        return Effects(
            metadata: metadata,
            agentName: "\(place.service)-\(metadata.taskID)",
            protectionMinutes: settings.protectionMinutes,
            announcedJobTimeout: settings.announcedJobTimeout,
            store: store,
            service: service,
            projector: Projector(store, service),
            protection: TaskProtectionClient(
                uri: settings.agentURI,
                task: metadata.taskID,
                http: http
            ),
            terraform: settings.terraformToken.map { token in
                TerraformView(
                    TerraformAPI(http, address: settings.terraformAddress, token: token),
                    journal: journal
                )
            },
            link: link,
            volume: volume,
            journal: journal
        )
    }
}

/// Which service of which cluster this task belongs to.
struct Place {
    let cluster: String
    let service: String

    init(_ settings: SidecarSettings, _ metadata: TaskMetadata) throws(SettingsFault) {
        cluster = settings.cluster ?? metadata.cluster
        service = settings.service ?? metadata.serviceName ?? ""
        if service.isEmpty {
            var reader = SettingsReader([:])
            reader.fault(
                "ECS_SERVICE",
                value: nil,
                expected: "the service's name, since the task metadata does not tell it here"
            )
            try reader.check()
        }
    }
}
