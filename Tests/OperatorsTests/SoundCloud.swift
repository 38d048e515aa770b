import AWS
import Curl
import Daemon
import Decisions
import FoundationEssentials
import HCPTerraform
import Operators
import Synchronization
import Testing

/// AWS, HCP Terraform and the endpoint around a pool in which nothing is wrong, as HTTP answers, until
/// a test plants a fault in one of them. The task definition is the module's own file.
final class SoundCloud: HTTPClient {
    /// A change of one answer.
    struct Fault: Sendable, CustomTestStringConvertible {
        /// The checks that find it, and no others do.
        let names: Set<String>
        let answer: String
        let old: String
        let new: String
        /// Nil leaves it as it is.
        var status: Int?
        var seat = Examination.Seat.person

        init(
            _ name: String,
            in answer: String,
            _ old: String,
            _ new: String,
            status: Int? = nil,
            seat: Examination.Seat = .person
        ) {
            self.init([name], in: answer, old, new, status: status, seat: seat)
        }

        init(
            _ names: Set<String>,
            in answer: String,
            _ old: String,
            _ new: String,
            status: Int? = nil,
            seat: Examination.Seat = .person
        ) {
            self.names = names
            self.answer = answer
            self.old = old
            self.new = new
            self.status = status
            self.seat = seat
        }

        var testDescription: String { "\(names.sorted().joined(separator: ", ")): \(new)" }
    }

    static let url = "https://endpoint.example/"
    private static let key = RunTaskKey("the-key")

    private let fault: Fault?
    private let answers: [String: (status: Int, text: String)]
    private let planted = Mutex(false)

    /// Every call of AWS is denied.
    let isDenied: Bool

    init(_ fault: Fault? = nil, isDenied: Bool = false) throws {
        self.fault = fault
        self.isDenied = isDenied
        answers = try Self.answers()
    }

    /// Whether the fault was in an answer that somebody got.
    var isPlanted: Bool { planted.withLock { $0 } }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let name = Self.name(request)
        if isDenied, request.signing != nil {
            let xml = name.hasPrefix("Simulate") ? "<E><Code>AccessDenied</Code></E>" : nil
            return Self.response(
                xml == nil ? 400 : 403,
                xml ?? #"{"__type":"AccessDeniedException","message":"no"}"#
            )
        }
        guard var (status, text) = answers[name] else {
            Issue.record("nobody answers \(name)")
            return Self.response(404, "{}")
        }
        if let fault, fault.answer == name {
            #expect(text.contains(fault.old), "the fault has no place in \(name)")
            text = text.replacing(fault.old, with: fault.new)
            status = fault.status ?? status
            planted.withLock { $0 = true }
        }
        return Self.response(status, text)
    }

    /// The text of what the endpoint grants is its version.
    private static func response(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: HTTPHeaders(
                [("Date", httpDate())] + (status == 200 ? [("X-Scale-Up-Version", text)] : [])
            ),
            body: Array(text.utf8)
        )
    }

    private static func httpDate() -> String {
        let parts = Date.ISO8601FormatStyle().format(Date()).split { "-T:Z".contains($0) }
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let month = months[(Int(parts[1]) ?? 1) - 1]
        return "Thu, \(parts[2]) \(month) \(parts[0]) \(parts[3]):\(parts[4]):\(parts[5]) GMT"
    }

    /// What a request asks for: AWS's operation, a path of HCP Terraform, or the endpoint by how it is
    /// signed.
    private static func name(_ request: HTTPRequest) -> String {
        let headers = HTTPHeaders(request.headers)
        let body = request.body ?? []
        let text = String(decoding: body, as: UTF8.self)
        if let target = headers["x-amz-target"], let operation = target.split(separator: ".").last {
            for part in ["max_count", "-of-nobody"] where text.contains(part) {
                return "\(operation) \(part)"
            }
            if operation == "GetParameter", text.contains("false") { return "GetParameter raw" }
            return String(operation)
        }
        if request.url == "https://iam.amazonaws.com/" {
            let parts = ["max_count", "-of-nobody", "ssm%3AGetParameter"]
            return "Simulate " + (parts.first { text.contains($0) } ?? "needed")
        }
        guard request.url == url else {
            return String(request.url.dropFirst("https://app.terraform.io".count))
        }
        let signature = headers[CallKind.runTask.header].flatMap { RunTaskSignature($0) }
        if let signature, key.signed(body, signature) { return "endpoint signed" }
        return text.contains("\"ask\"") ? "endpoint question" : "endpoint unsigned"
    }

    // MARK: Answers

    private static let conditionFailed =
        #"{"__type":"ConditionalCheckFailedException","message":"The conditional request failed"}"#
    private static let denied = #"{"__type":"AccessDeniedException","message":"no"}"#
    private static let task = "arn:aws:ecs:eu-central-1:123456789012:task/tfc/825a3582"

    private static func answers() throws -> [String: (status: Int, text: String)] {
        let ok = aws.merging(terraform) { $1 }.merging(simulations) { $1 }.mapValues {
            (status: 200, text: $0)
        }
        let others: [String: (status: Int, text: String)] = [
            "DescribeTaskDefinition": (200, try definition()),
            "UpdateItem": (400, conditionFailed),
            "UpdateItem max_count": (400, denied),
            "UpdateItem -of-nobody": (400, denied),
            "GetParameter raw": (400, denied),
            "endpoint signed": (200, "1.0.0"),
            "endpoint unsigned": (401, "no"),
            "endpoint question": (401, "no"),
        ]
        return ok.merging(others) { $1 }
    }

    private static let aws = [
        "DescribeServices": """
        {"failures":[],"services":[{"status":"ACTIVE","desiredCount":1,"runningCount":1,\
        "pendingCount":0,"schedulingStrategy":"REPLICA","platformVersion":"LATEST",\
        "capacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":1}],\
        "networkConfiguration":{"awsvpcConfiguration":{"subnets":["subnet-1"],\
        "securityGroups":["sg-1"],"assignPublicIp":"ENABLED"}},\
        "availabilityZoneRebalancing":"DISABLED","deploymentController":{"type":"ECS"},\
        "taskDefinition":"arn:aws:ecs:eu-central-1:123456789012:task-definition/tfc-agents:12",\
        "deploymentConfiguration":{"minimumHealthyPercent":0,"maximumPercent":100,\
        "deploymentCircuitBreaker":{"enable":true,"rollback":true}},"deployments":[]}]}
        """,
        "ListTasks": #"{"taskArns":["\#(task)"]}"#,
        "DescribeTasks":
            #"{"tasks":[{"taskArn":"\#(task)","lastStatus":"RUNNING"}],"failures":[]}"#,
        "GetTaskProtection":
            #"{"protectedTasks":[{"taskArn":"\#(task)","protectionEnabled":true}],"failures":[]}"#,
        "UpdateTaskProtection": #"{"protectedTasks":[],"failures":[{"reason":"MISSING"}]}"#,
        "Query": """
        {"Items":[{"pk":{"S":"tfc/tfc-agents"},"sk":{"S":"job/run-1/plan"},"at":{"N":"1795660000000"},\
        "task":{"S":"825a3582"}},\(ledger),{"pk":{"S":"tfc/tfc-agents"},"sk":{"S":"limits"},\
        "desired_count":{"N":"0"},"max_count":{"N":"10"},"spare_count":{"N":"0"}}]}
        """,
        "GetItem": #"{"Item":\#(ledger)}"#,
        "DescribeTable": """
        {"Table":{"TableStatus":"ACTIVE","DeletionProtectionEnabled":true,"KeySchema":[\
        {"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}}
        """,
        "DescribeTimeToLive":
            #"{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"expires"}}"#,
        "GetParameter": #"{"Parameter":{"Value":"the-key"}}"#,
        "DescribeParameters": #"{"Parameters":[{"Type":"SecureString"}]}"#,
        "DescribeImages": #"{"imageDetails":[]}"#,
        "DescribeLogGroups": #"{"logGroups":[{"logGroupName":"/ecs/tfc-agents"}]}"#,
        "GetServiceQuota": #"{"Quota":{"Value":20.0}}"#,
        "DescribeAlarms":
            #"{"MetricAlarms":[{"AlarmName":"tfc-waits","ActionsEnabled":true,"StateValue":"OK"}]}"#,
    ]

    private static let ledger = """
        {"pk":{"S":"tfc/tfc-agents"},"sk":{"S":"ledger"},"format":{"N":"1"},"version":{"N":"7"},\
        "size":{"N":"1"},"adopted":{"N":"1"},"moves":{"N":"3"},"last_raise":{"N":"3"},\
        "followed":{"N":"3"},"writer":{"S":"1.0.0 mark"}}
        """

    private static func decision(_ word: String) -> String {
        "<R><SimulatePrincipalPolicyResult><EvaluationResults><member><EvalDecision>\(word)"
            + "</EvalDecision></member></EvaluationResults></SimulatePrincipalPolicyResult></R>"
    }

    private static let simulations = [
        "Simulate needed": decision("allowed"), "Simulate max_count": decision("implicitDeny"),
        "Simulate -of-nobody": decision("implicitDeny"),
        "Simulate ssm%3AGetParameter": decision("implicitDeny"),
    ]

    private static let terraform = [
        "/.well-known/terraform.json": #"{"tfe.v2":"/api/v2/"}"#,
        "/api/v2/organizations/org/entitlement-set":
            #"{"data":{"id":"e","attributes":{"agents":true,"run-tasks":true}}}"#,
        "/api/v2/organizations/org/subscription":
            #"{"data":{"id":"s","attributes":{"agents-ceiling":10}}}"#,
        "/api/v2/agent-pools/apool-1": #"{"data":{"id":"apool-1","attributes":{"name":"ecs"}}}"#,
        "/api/v2/organizations/org/workspaces/app":
            #"{"data":{"id":"ws-1","attributes":{"execution-mode":"agent"},"#
            + #""relationships":{"agent-pool":{"data":{"id":"apool-1"}}}}}"#,
        "/api/v2/organizations/org/tasks?page%5Bsize%5D=100":
            #"{"data":[{"id":"task-1","attributes":{"name":"agents","enabled":true,"#
            + #""url":"https://endpoint.example/"}}]}"#,
        "/api/v2/workspaces/ws-1/tasks?page%5Bsize%5D=100":
            #"{"data":[{"id":"wst","attributes":{"stages":["pre_plan","pre_apply"]},"#
            + #""relationships":{"task":{"data":{"id":"task-1"}}}}]}"#,
    ]

    /// The module's file with its places filled in.
    private static func definition() throws -> String {
        let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(folder)/ecs-task-def/task-definition.json"
        let data = try #require(FileManager.default.contents(atPath: path))
        var text = String(decoding: data, as: UTF8.self)
        let values = [
            "family": "tfc-agents", "cluster": "tfc", "service": "tfc-agents",
            "ledger_table": "tfc-ledger", "task_cpu": "1024", "log_group": "/ecs/tfc-agents",
            "sidecar_image":
                "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tfc/agent-sidecar:1.0.0",
            "agent_image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tfc-agent@sha256:0",
            "tfc_address": "https://app.terraform.io",
            "agent_token_parameter":
                "arn:aws:ssm:eu-central-1:123456789012:parameter/tfc/agent-token",
        ]
        for (name, value) in values { text = text.replacing("${\(name)}", with: value) }
        text = text.split(separator: "\n").map { line in line.drop { $0 == " " } }
            .joined(separator: " ")
        return #"{"taskDefinition":{"revision":12,"status":"ACTIVE","# + text.dropFirst() + "}"
    }

    // MARK: A checkup of it

    static let settings = [
        "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret", "ECS_CLUSTER": "tfc", "ECS_SERVICE": "tfc-agents",
        "LEDGER_TABLE": "tfc-ledger", "TFE_TOKEN": "a-token", "TFC_ORGANIZATION": "org",
        "TFC_AGENT_POOL_NAME": "ecs", "TFC_AGENT_POOL_ID": "apool-1",
        "RUN_TASK_HMAC_KEY_PARAMETER": "/tfc/hmac-key",
    ]

    func checkup(
        _ seat: Examination.Seat = .person,
        without missing: Set<String> = []
    ) async throws -> Checkup {
        var environment = Self.settings.filter { !missing.contains($0.key) }
        switch seat {
        case .person: break
        case .task: environment["ECS_CONTAINER_METADATA_URI_V4"] = "http://127.0.0.1:1"
        case .function: environment["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:1"
        }
        let examiner = try await Examiner(
            DoctorSettings(environment, url: Self.url, workspace: "app"),
            OperatorSettings(environment),
            version: "1.0.0",
            over: self
        )
        return Checkup(await examiner.examine(at: PoolWorld.now))
    }
}
