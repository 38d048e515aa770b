package import AWS
package import Curl
import Daemon
package import Decisions
import Ports

/// Looks at everything that a checkup judges. It changes nothing: what must be written to be tried is
/// written on a condition that cannot hold, or to a task that is none.
package struct Examiner: Sendable {
    private let place: ECSPlace
    private let settings: DoctorSettings
    private let version: String
    private let ledgerTable: String
    private let ecs: ECSClient
    private let ssm: SSMClient
    private let store: DynamoDBLedgerStore
    private let table: TableInspection
    private let surroundings: SurroundingsInspection
    private let roles: RoleInspection
    private let terraform: TerraformExaminer
    private let clock: DatedClient

    /// - Parameter version: of this program.
    package init(
        _ settings: DoctorSettings,
        _ pool: OperatorSettings,
        version: String,
        over http: any HTTPClient
    ) async throws {
        let clock = DatedClient(http)
        let (place, aws) = try await pool.connect(clock)
        let book = (table: pool.ledgerTable, limits: pool.limits)
        self.init(settings, place, book, aws, clock, version: version, over: http)
    }

    /// For a program that knows already which pool it is about.
    ///
    /// - Parameters:
    ///   - ledger: its table, and the limits where that has none.
    ///   - version: of this program.
    package init(
        _ settings: DoctorSettings,
        _ place: ECSPlace,
        ledger: (table: String, limits: Limits),
        _ environment: AWSEnvironment,
        _ credentials: CredentialsSource,
        version: String,
        over http: any HTTPClient
    ) {
        let clock = DatedClient(http)
        let aws = AWSClient(
            environment,
            credentials: CredentialsProvider(credentials, http: http),
            http: clock
        )
        self.init(settings, place, ledger, aws, clock, version: version, over: http)
    }

    private init(
        _ settings: DoctorSettings,
        _ place: ECSPlace,
        _ ledger: (table: String, limits: Limits),
        _ aws: AWSClient,
        _ clock: DatedClient,
        version: String,
        over http: any HTTPClient
    ) {
        self.clock = clock
        self.place = place
        self.settings = settings
        self.version = version
        ledgerTable = ledger.table
        ecs = ECSClient(aws)
        ssm = SSMClient(aws)
        store = DynamoDBLedgerStore(
            aws,
            table: ledger.table,
            cluster: place.cluster,
            service: place.service,
            environment: ledger.limits,
            adoption: nil
        )
        table = TableInspection(aws, table: ledger.table)
        surroundings = SurroundingsInspection(aws)
        roles = RoleInspection(aws)
        terraform = TerraformExaminer(settings, ssm: SSMClient(aws), over: http)
    }

    package func examine(at now: WallTime) async -> Examination {
        var found = Examination(
            place: place,
            seat: settings.seat,
            at: now,
            version: version,
            libraries: CurlClient.libraries,
            ledgerTable: ledgerTable
        )
        async let remote = terraform.examine()
        await lookAtPool(&found)
        await lookAtDefinition(&found)
        await tryPermissions(&found)
        found.alarms = await seen { try await surroundings.alarms(prefix: alarmPrefix) }
        found.clockSkew = clock.skew.map { .seen($0) } ?? .unseen("AWS gave no answer")
        (found.terraform, found.endpoint) = await remote
        return found
    }

    /// The module names alarms after its prefix, as it does the service `PREFIX-agents`.
    private var alarmPrefix: String {
        if let given = settings.alarmPrefix { return given }
        let parts = place.service.split(separator: "-", omittingEmptySubsequences: false)
        return parts.count < 2 ? place.service : parts.dropLast().joined(separator: "-") + "-"
    }

    // MARK: The pool

    private func lookAtPool(_ found: inout Examination) async {
        found.ledger = await seen { try await store.read() }
        found.writer = await seen { try await store.lastWriter() }
        found.table = await seen { try await table.describe() }
        let service = await attempt {
            try await ecs.inspectService(cluster: place.cluster, service: place.service)
        }
        found.service = service.seen
        found.permissions[.describeServices] = service.isAllowed
        found.credentials = service.areCredentialsKnown
        let listed = await attempt {
            try await ecs.listTasks(cluster: place.cluster, service: place.service)
        }
        found.permissions[.listTasks] = listed.isAllowed
        guard case .seen(let ids) = listed.seen else {
            if case .unseen(let why) = listed.seen { found.tasks = .unseen(why) }
            return
        }
        let described = await attempt {
            try await ecs.describeTasks(cluster: place.cluster, Set(ids))
        }
        found.tasks = described.seen
        if ids.isEmpty {
            found.permissions[.describeTasks] = .unseen("no task is there to ask about")
        } else {
            found.permissions[.describeTasks] = described.isAllowed
        }
        found.protectedTasks = await seen {
            try await ecs.protectedTasks(cluster: place.cluster, among: Set(ids))
        }
    }

    // MARK: What a start needs

    private func lookAtDefinition(_ found: inout Examination) async {
        guard let name = found.service.value?.taskDefinition else {
            found.definition = .unseen("the service could not be read")
            return
        }
        found.definition = await seen { try await ecs.inspectDefinition(name) }
        guard let definition = found.definition.value else { return }
        for container in definition.containerDefinitions ?? [] {
            if let image = container.image { found.images[image] = await look(at: image) }
            if container.logConfiguration?.logDriver == "awslogs",
                let group = container.logConfiguration?.options?["awslogs-group"]
            {
                found.logGroups[group] = await seen { try await surroundings.hasLogGroup(group) }
            }
            for source in (container.secrets ?? []).compactMap(\.valueFrom) {
                let secret = ParameterName(source)
                found.parameters[secret.shown] = await look(at: secret)
            }
        }
        let providers = (found.service.value?.capacityProviderStrategy ?? [])
            .compactMap(\.capacityProvider)
        let isSpot = !providers.isEmpty && providers.allSatisfy { $0 == "FARGATE_SPOT" }
        found.quota = await seen {
            try await surroundings.fargateQuota(isSpot ? Self.spotQuota : Self.onDemandQuota)
        }
    }

    /// "Fargate On-Demand vCPU resource count" and "Fargate Spot vCPU resource count".
    private static let onDemandQuota = "L-3032A538"
    private static let spotQuota = "L-36FBB829"

    private func look(at image: String) async -> Sighting<Bool> {
        guard let name = SurroundingsInspection.ECRImage(image) else {
            return .unseen("it is in another registry than ECR, which is not asked")
        }
        do {
            try await surroundings.find(name)
            return .seen(true)
        } catch {
            if case .notFound = error.cause { return .seen(false) }
            return .unseen("\(error)")
        }
    }

    private func look(at secret: ParameterName) async -> Sighting<String?> {
        guard let name = secret.name else {
            return .unseen("\(secret.shown) is not in the parameter store, and is not asked")
        }
        return await seen { try await ssm.describeParameter(name)?.type }
    }

    // MARK: Permissions

    private func tryPermissions(_ found: inout Examination) async {
        let own = "\(place.cluster)/\(place.service)"
        found.permissions[.readLedger] =
            await attempt { try await table.tryRead(partition: own) }.isAllowed
        found.permissions[.writeLedger] =
            await attempt {
                try await table.tryWrite(partition: own, sort: "ledger", attribute: "size")
            }.isAllowed
        found.permissions[.protectTasks] =
            await attempt { try await ecs.tryProtection(cluster: place.cluster) }.isAllowed
        let book = found.ledger.value?.ledger
        let hasFollowed = book.map { $0.moves > 0 && $0.followed == $0.moves } ?? false
        found.permissions[.updateService] =
            hasFollowed
            ? .seen(true)
            : .unseen(
                "ECS has not followed the ledger's last change yet, and to ask would change the count"
            )
        // What is too much for a run is not too much for a person.
        guard settings.seat != .person else {
            found.roleRights = await roleRights(found)
            return
        }
        found.permissions[.writeLimits] =
            await attempt {
                try await table.tryWrite(partition: own, sort: "limits", attribute: "max_count")
            }.isAllowed
        found.permissions[.writeElsewhere] =
            await attempt {
                try await table.tryWrite(
                    partition: own + "-of-nobody",
                    sort: "ledger",
                    attribute: "size"
                )
            }.isAllowed
        guard settings.seat == .task else { return }
        let token = found.definition.value?.container(ContainerName.agent)?.secrets?
            .first { $0.name == "TFC_AGENT_TOKEN" }?.valueFrom
        guard let name = token.flatMap({ ParameterName($0).name }) else {
            found.permissions[.readAgentToken] = .unseen("its parameter's name is not known")
            return
        }
        found.permissions[.readAgentToken] =
            await attempt { try await ssm.getParameter(name, isDecrypted: false) }.isAllowed
    }
}

extension Examiner {
    private func roleRights(_ found: Examination) async -> Sighting<[Permission: Bool]> {
        guard let role = found.definition.value?.taskRoleArn else {
            return .unseen("the task definition names no task role")
        }
        guard let names = RoleNames(place, table: ledgerTable, found) else {
            return .unseen("the account is not known without the service's task definition")
        }
        var rights: [Permission: Bool] = [:]
        for permission in Permission.allCases {
            guard let question = names.question(permission) else { continue }
            let answer = await seen { try await roles.allows(role, question) }
            switch answer {
            case .seen(let isAllowed): rights[permission] = isAllowed
            case .unseen(let why): return .unseen(why)
            }
        }
        return .seen(rights)
    }
}

/// How a call of AWS ended.
private struct Attempt<Value: Sendable> {
    let seen: Sighting<Value>
    /// False only where AWS says so.
    let isAllowed: Sighting<Bool>
    let areCredentialsKnown: Sighting<Bool>
}

private func attempt<Value: Sendable>(
    _ call: () async throws -> Value
) async -> Attempt<Value> {
    do {
        let value = try await call()
        return Attempt(
            seen: .seen(value),
            isAllowed: .seen(true),
            areCredentialsKnown: .seen(true)
        )
    } catch {
        let why = "\(error)"
        guard let failure = error as? AWSFailure, case .denied = failure.cause else {
            return Attempt(
                seen: .unseen(why),
                isAllowed: .unseen(why),
                areCredentialsKnown: .unseen(why)
            )
        }
        // Who is known is told so; anybody else is refused before that.
        return Attempt(
            seen: .unseen(why),
            isAllowed: failure.isForbidden ? .seen(false) : .unseen(why),
            areCredentialsKnown: .seen(failure.isForbidden)
        )
    }
}

/// Looks, and keeps why it could not.
func seen<Value: Sendable>(_ look: () async throws -> Value) async -> Sighting<Value> {
    do {
        return .seen(try await look())
    } catch {
        return .unseen("\(error)")
    }
}

/// Where a container's secret comes from (Amazon ECS API reference, Secret, `valueFrom`).
private struct ParameterName {
    /// In the parameter store; nil for a secret of Secrets Manager.
    let name: String?
    let shown: String

    init(_ source: String) {
        let fields = source.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard source.hasPrefix("arn:"), fields.count == 6 else {
            name = source
            shown = source
            return
        }
        let path = fields[5].drop { $0 != "/" }.dropFirst()
        guard fields[2] == "ssm" else {
            name = nil
            shown = "\(fields[2]) \(fields[5])"
            return
        }
        // A name within a hierarchy begins with a slash, which its ARN shares with the resource type.
        let found = path.contains("/") ? "/\(path)" : String(path)
        name = found
        shown = found
    }
}
