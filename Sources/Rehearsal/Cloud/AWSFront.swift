import Decisions
import FoundationEssentials
import Rules
import Seeded
import Synchronization

/// The one AWS endpoint: checks each call's signature and passes it to the service that its
/// `X-Amz-Target` names; hands out the credentials that those signatures are made with.
actor AWSFront {
    /// Validity of handed-out credentials. Minutes instead of ECS's hours, so that a rehearsal of
    /// some length contains a refresh.
    static let credentialMinutes = 20
    static let parameterTarget = "AmazonSSM"

    /// Gets the service that a call is signed for, the operation and its input.
    typealias Override = @Sendable (String, String, JSON) async -> WebResponse?

    private let ecs: ECSStandIn
    private let verifier: SignatureVerifier
    private let names: ServiceNames
    private let parameters: [String: String]
    private let time: Timebase
    private let journal: PlayJournal
    private let agents: AgentProcesses
    private var random: SeededRandom
    private var table: DynamoDBTable
    /// Answers some calls in place of all below.
    private var first: Override?
    /// By their access key ids, with the task that they are for.
    private var credentials: [String: (SigningCredentials, task: TaskID?)] = [:]
    /// The credentials of the scale-up endpoint, which is no task of the service.
    nonisolated let endpoint: EndpointCredentials

    /// - Parameter endpoint: where it serves other services too.
    init(
        ecs: ECSStandIn,
        names: ServiceNames,
        parameters: [String: String],
        time: Timebase,
        journal: PlayJournal,
        agents: AgentProcesses,
        endpoint: EndpointCredentials? = nil,
        random: SeededRandom
    ) {
        self.ecs = ecs
        self.names = names
        self.parameters = parameters
        self.time = time
        self.journal = journal
        self.agents = agents
        self.random = random
        table = DynamoDBTable(name: names.ledgerTable)
        verifier = SignatureVerifier(
            region: names.region,
            services: OtherServices.services.union(["ecs", "dynamodb", "ssm", "tagging"])
        )
        let own = EndpointCredentials(id: self.random.hex(32))
        self.endpoint = endpoint ?? own
    }

    private var partition: String { "\(names.cluster)/\(names.service)" }

    /// The ledger of the service, put together from its items, if it has any.
    var ledger: LedgerRecord? { LedgerRecord(table.partition(partition)) }

    /// A person declares that there shall be no agents.
    func endLimits() {
        let none = Self.limits.map { ($0, ["N": "0"] as JSON) }
        table.set(TableItem(uniqueKeysWithValues: none), partition, "limits")
        journal.record(.limitsEnded)
    }

    /// From now on what this answers is the answer.
    func set(_ first: @escaping Override) { self.first = first }

    /// DynamoDB's units that were consumed.
    var consumed: (reads: Double, writes: Double) { table.consumed }

    /// Answers `POST /` with an `X-Amz-Target`.
    func call(_ request: WebRequest) async -> WebResponse {
        let target = (request.headers["x-amz-target"] ?? "").split(separator: ".").map(String.init)
        guard request.method == "POST", target.count == 2, let input = JSON(parsing: request.body)
        else {
            return AWSAnswer.error("SerializationException", "no X-Amz-Target or no JSON body")
        }
        let now = time.now
        var caller: TaskID?
        do throws(SignatureVerifier.Failure) {
            let signed = try verifier.verify(request, date: time.date(now)) { key in
                let own = credentials[key]
                guard let found = own?.0 ?? endpoint[key], found.expiresAt > now else {
                    return nil
                }
                caller = own?.task
                return found
            }
            return await answer(signed, prefix: target[0], target[1], input, caller)
        } catch {
            journal.record(.refusedCall(service: request.path, message: error.message))
            return error.answer
        }
    }

    private func answer(
        _ signed: String,
        prefix: String,
        _ operation: String,
        _ input: JSON,
        _ caller: TaskID?
    ) async -> WebResponse {
        if let reply = await first?(signed, operation, input) { return reply }
        let reply: WebResponse
        switch (signed, prefix) {
        case _ where isTooMuch(operation, input, caller):
            reply = AWSAnswer.error("AccessDeniedException", "no policy allows it")
        case ("ecs", "AmazonEC2ContainerServiceV20141113"):
            journal.record(.apiCall(service: "ECS"))
            reply = await ecs.controlPlane(operation, input)
        case ("dynamodb", "DynamoDB_20120810"):
            // DynamoDB itself would have had room for all of it on the first page.
            if input["ExclusiveStartKey"] == nil {
                journal.record(.apiCall(service: "DynamoDB"))
            }
            reply = dynamoDB(operation, input, caller)
        case ("ssm", Self.parameterTarget):
            journal.record(.apiCall(service: "SSM"))
            reply = parameter(operation, input)
        case ("logs", _), ("monitoring", _), ("servicequotas", _):
            reply = OtherServices(logGroup: ecs.settings.definition.logGroup).answer(
                signed,
                operation,
                input
            )
        default:
            reply = AWSAnswer.error(
                "UnknownOperationException",
                "\(prefix).\(operation), signed for \(signed)"
            )
        }
        if reply.status != 200, !Self.isFailedCondition(reply) {
            let type = reply.json?["__type"]?.string ?? "\(reply.status)"
            let message = reply.json?["message"]?.string ?? ""
            journal.record(.refusedCall(service: operation, message: "\(type): \(message)"))
        }
        return reply
    }

    /// What the module's policies allow to nobody here: limits and other pools' items to write, and
    /// the agent token to read. All else is allowed to everybody, also what their roles have no need
    /// of.
    private func isTooMuch(_ operation: String, _ input: JSON, _ caller: TaskID?) -> Bool {
        switch operation {
        case "GetParameter":
            caller != nil || input["Name"]?.string == names.agentTokenParameter
        case "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems":
            !input.texts(at: "pk").allSatisfy { $0 == partition }
                || !Self.limits.isDisjoint(with: input.names)
        default: false
        }
    }

    private static let limits: Set = ["desired_count", "max_count", "spare_count"]

    /// The everyday end of a write that somebody else's came before.
    private static func isFailedCondition(_ reply: WebResponse) -> Bool {
        guard let reasons = reply.json?["CancellationReasons"]?.array else {
            return reply.json?["__type"]?.string?.contains("Conditional") == true
        }
        return reasons.allSatisfy {
            ["None", "ConditionalCheckFailed"].contains($0["Code"]?.string)
        }
    }

    /// All that one call writes is one change of the ledger.
    private func dynamoDB(
        _ operation: String,
        _ input: JSON,
        _ caller: TaskID?
    ) -> WebResponse {
        let old = ledger
        var (answer, writes) = table.answer(operation, input, at: time.now)
        answer.contentType = "application/x-amz-json-1.0"
        for item in writes.compactMap(\.new) {
            journal.record(.itemWritten(JSON.object(item).text))
        }
        if writes.contains(where: { $0.key.partition == partition }) {
            let change = LedgerRecord.Write(old: old, new: ledger ?? LedgerRecord())
            let living = change.departures.filter { agents.isAlive($0) }
            journal.record(.ledger(change, caller: caller, living: Set(living)))
        }
        return answer
    }

    private func parameter(_ operation: String, _ input: JSON) -> WebResponse {
        if operation == "DescribeParameters" {
            let asked = input["ParameterFilters"]?.array?.first?["Values"]?.array ?? []
            let known = asked.compactMap(\.string).filter { parameters[$0] != nil }
            return AWSAnswer.ok([
                "Parameters": .array(known.map { ["Name": .string($0), "Type": "SecureString"] })
            ])
        }
        guard operation == "GetParameter" else {
            return AWSAnswer.error("InvalidAction", "\(operation) is not rehearsed")
        }
        let name = input["Name"]?.string ?? ""
        guard let value = parameters[name] else {
            return AWSAnswer.error("ParameterNotFound", "")
        }
        // Without WithDecryption a SecureString comes back encrypted.
        let decrypted = input["WithDecryption"]?.bool == true
        return AWSAnswer.ok([
            "Parameter": [
                "Name": .string(name), "Type": "SecureString", "Version": 1,
                "Value": .string(decrypted ? value : "AQICAHencrypted"),
                "ARN": .string("arn:aws:ssm:\(names.region):\(names.account):parameter\(name)"),
            ]
        ])
    }

    /// Answers `GET /v2/credentials/<id>` of a task or of the endpoint.
    func credentials(_ request: WebRequest) async -> WebResponse {
        let id = request.path.split(separator: "/").last.map(String.init) ?? ""
        let task = await ecs.task(credentialsID: id)
        guard id == endpoint.id || task != nil else {
            return WebResponse(
                400,
                [
                    "code": "InvalidIdInRequest", "HTTPErrorCode": 400,
                    "message": "CredentialsV2Request: ID not found",
                ]
            )
        }
        let until = time.now + Self.credentialMinutes * 60_000
        let made = SigningCredentials(
            accessKeyID: "ASIA" + random.hex(16).uppercased(),
            secretAccessKey: SecretKind.credentials.make(32, from: &random),
            sessionToken: SecretKind.credentials.make(200, from: &random),
            expiresAt: until
        )
        if task == nil {
            endpoint.add(made)
        } else {
            credentials[made.accessKeyID] = (made, task)
        }
        return WebResponse(
            200,
            [
                "RoleArn": .string(names.role("task")),
                "AccessKeyId": .string(made.accessKeyID),
                "SecretAccessKey": .string(made.secretAccessKey),
                "Token": .string(made.sessionToken),
                "Expiration": .string(time.text(until)),
            ]
        )
    }
}

/// What has been handed out to the scale-up endpoint, which may serve several services.
final class EndpointCredentials: Sendable {
    /// At the end of its credentials path.
    let id: String
    private let handedOut = Mutex<[String: SigningCredentials]>([:])

    init(id: String) { self.id = id }

    func add(_ credentials: SigningCredentials) {
        handedOut.withLock { $0[credentials.accessKeyID] = credentials }
    }

    subscript(accessKeyID: String) -> SigningCredentials? {
        handedOut.withLock { $0[accessKeyID] }
    }
}

extension ECSStandIn {
    /// Whose credentials path this is.
    func task(credentialsID id: String) -> TaskID? {
        tasks.values.first { $0.credentialsID == id }?.id
    }
}
