import Curl
import Decisions
import FoundationEssentials
import Glibc
import Model
import Rules
import Seeded
import Synchronization

/// The stand-ins of one rehearsal, wired together.
struct Cloud: Sendable {
    let ecs: ECSStandIn
    let aws: AWSFront
    let terraform: TerraformStandIn
    let endpointProgram: Program
    let calls: CallFaults
    let names: ServiceNames
    let organization: Organization

    /// - Parameters:
    ///   - pool: one of several behind one endpoint; nil for the only one.
    ///   - first: the first one of them, whose organization and endpoint this one has too.
    init(
        _ settings: PlaySettings,
        pool: String?,
        beside first: Cloud?,
        _ folder: PlayFolder,
        base: String,
        time: Timebase,
        journal: PlayJournal,
        random: inout SeededRandom
    ) throws {
        let agents = AgentProcesses(rehearsal: folder.marker)
        names = ServiceNames(pool: pool, prefix: settings.prefix)
        organization = Organization(from: &random, pool: pool, like: first?.organization)
        let parameters = [
            names.agentTokenParameter: organization.agentToken,
            names.hmacKeyParameter: organization.hmacKey,
        ]
        let api = settings.hasAPIToken ? organization.variables : [:]
        calls = first?.calls ?? CallFaults(journal)
        var installation = try Self.installation(
            settings,
            names,
            folder,
            base: base,
            parameters,
            api
        )
        if let pool { installation.directory += "/" + pool }
        ecs = ECSStandIn(
            installation,
            desiredCount: settings.desiredCount,
            time: time,
            journal: journal,
            agents: agents,
            random: SeededRandom(seed: random.next())
        )
        aws = AWSFront(
            ecs: ecs,
            names: names,
            parameters: parameters,
            time: time,
            journal: journal,
            agents: agents,
            endpoint: first?.aws.endpoint,
            random: SeededRandom(seed: random.next())
        )
        terraform = TerraformStandIn(
            organization.settings(of: settings),
            client: FaultyClient(faults: calls, client: try CurlClient()),
            time: time,
            journal: journal,
            agents: agents,
            random: SeededRandom(seed: random.next())
        )
        endpointProgram = Self.endpoint(
            settings,
            names,
            folder,
            base: base,
            credentialsID: aws.endpoint.id,
            api
        )
    }

    /// The rehearsed organization of HCP Terraform, with its pool and its secrets.
    struct Organization: Sendable {
        let name = "rehearsal"
        let poolName: String
        let poolID: String
        let agentToken: String
        let apiToken: String
        let hmacKey: String

        init(from random: inout SeededRandom, pool: String?, like other: Organization?) {
            poolName = (["ecs"] + [pool].compactMap(\.self)).joined(separator: "-")
            agentToken = SecretKind.agentToken.make(from: &random)
            let (token, key) = (
                SecretKind.apiToken.make(from: &random), SecretKind.hmacKey.make(from: &random)
            )
            apiToken = other?.apiToken ?? token
            hmacKey = other?.hmacKey ?? key
            poolID = random.id("apool")
        }

        /// What sidecar and endpoint need to ask its API.
        var variables: [String: String] {
            [
                "TFE_TOKEN": apiToken, "TFC_AGENT_POOL_ID": poolID,
                "TFC_ORGANIZATION": name, "TFC_AGENT_POOL_NAME": poolName,
            ]
        }

        func settings(of play: PlaySettings) -> TerraformStandIn.Settings {
            .init(
                organization: name,
                poolID: poolID,
                poolName: poolName,
                agentToken: agentToken,
                apiToken: apiToken,
                hmacKey: hmacKey,
                approvalSeconds: play.approvalSeconds,
                sendsNotifications: play.hasNotifications
            )
        }
    }

    private static func installation(
        _ settings: PlaySettings,
        _ names: ServiceNames,
        _ folder: PlayFolder,
        base: String,
        _ parameters: [String: String],
        _ api: [String: String]
    ) throws -> ECSStandIn.Settings {
        let definition = try TaskDefinition(
            template: try bytes(settings.taskDefinition),
            values: settings.templateValues(
                names: names,
                base: base,
                tokenParameter: names.agentTokenParameter
            )
        )
        var sidecar = api
        sidecar["ANNOUNCED_JOB_TIMEOUT_SECONDS"] = "\(Int(PlaySettings.announcedJobSeconds))"
        // Ten minutes by default: an idle agent whose sidecar ECS does not start again.
        var agent = ["AGENT_LAUNCHER_ALONE_LIMIT_MILLISECONDS": "30000"]
        agent["STAND_IN_LEAVES"] = settings.leaves.joined(separator: ",")
        agent["STAND_IN_SEED"] = "\(settings.seed)"
        agent.merge(settings.agentVariables) { _, new in new }
        return .init(
            names: names,
            definition: definition,
            deployed: try Deployed(
                definition,
                service: serviceFile(beside: settings.taskDefinition)
            ),
            replacement: settings.replacement,
            plan: ContainerPlan(
                images: LocalImages.all(
                    bin: settings.bin,
                    agentDirectory: settings.isEnclosed ? Enclosure.programs : folder.image
                ),
                parameters: parameters
            ),
            bootMilliseconds: Int(settings.bootSeconds * 1000),
            directory: folder.path,
            rehearsal: folder.marker,
            inherited: inherited(),
            extra: [PlayNames.sidecar: sidecar, PlayNames.agent: agent],
            enclosedAgent: settings.isEnclosed ? "\(settings.bin)/stand-in-agent" : nil,
            ignoresProtection: settings.broken == .protection
        )
    }

    private static func endpoint(
        _ settings: PlaySettings,
        _ names: ServiceNames,
        _ folder: PlayFolder,
        base: String,
        credentialsID: String,
        _ api: [String: String]
    ) -> Program {
        var environment = inherited()
        environment["PATH"] = ContainerPlan.systemPath
        environment["HOME"] = folder.path
        environment["LISTEN_ADDRESS"] = "127.0.0.1"
        environment["PORT"] = "0"
        environment["ECS_CLUSTER"] = names.cluster
        environment["ECS_SERVICE"] = names.service
        environment["LEDGER_TABLE"] = names.ledgerTable
        environment["DESIRED_COUNT"] = "\(settings.desiredCount)"
        environment["MAX_COUNT"] = "\(settings.maxCount)"
        environment["SPARE_COUNT"] = "\(settings.spareCount)"
        environment["TFC_ADDRESS"] = base
        environment["RUN_TASK_HMAC_KEY_PARAMETER"] = names.hmacKeyParameter
        environment["AWS_REGION"] = names.region
        environment["AWS_ENDPOINT_URL"] = base
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] =
            "\(base)/v2/credentials/\(credentialsID)"
        environment.merge(api) { _, new in new }
        environment[Leftovers.rehearsalName] = folder.marker
        environment[Leftovers.containerName] = "endpoint/\(folder.marker)"
        return Program(
            path: "\(settings.bin)/\(settings.endpoint.executable)",
            environment: environment,
            directory: folder.path,
            container: "endpoint/\(folder.marker)"
        )
    }

    /// What the service looks like now.
    ///
    /// - Parameter watched: for how many seconds nothing may have started or stopped.
    func rest(floor: Int, watched: Double, at now: Milliseconds) async -> Rest {
        let service = await ecs.service
        let last = await ecs.lastChange
        var rest = Rest(
            floor: floor,
            desired: service.desired,
            running: service.running,
            quiet: now - last,
            watched: Int(watched * 1000)
        )
        rest.changing = service.pending + service.present - service.counting
        rest.outdated = await ecs.outdatedCount
        rest.openRuns = await terraform.runs.values.filter { !$0.life.status.isFinal }
            .sorted { $0.id < $1.id }.map { .init(id: $0.id, state: $0.life.status.rawValue) }
        rest.ledger = await aws.ledger.map { ledger in
            .init(
                size: ledger.size,
                jobs: Array(ledger.jobs),
                leaving: Array(ledger.leaving),
                exposed: Array(ledger.exposed)
            )
        }
        return rest
    }

    /// What every child needs from this process's own environment: where shared libraries are.
    private static func inherited() -> [String: String] {
        let all = ProcessInfo.processInfo.environment
        return all.filter { ["LD_LIBRARY_PATH", "LANG"].contains($0.key) }
    }

    /// `service.tf`, if it lies beside the task definition.
    private static func serviceFile(beside path: String) -> String? {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let file = (folder + ["service.tf"]).joined(separator: "/")
        return FileManager.default.contents(atPath: file).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private static func bytes(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw PlayError(description: "the task definition \(path) cannot be read")
        }
        return Array(data)
    }
}
