import Curl
import Decisions
import Ports
import Testing

@testable import AWS

@Suite("Task metadata")
struct MetadataTests {
    static let arn = "arn:aws:ecs:eu-central-1:111122223333:task/agents/0123456789abcdef"

    func task(_ body: String, status: Int = 200) async throws(AgentEndpointFailure) -> TaskMetadata
    {
        let http = FakeHTTP { request, _ in
            #expect(request.url == "http://169.254.170.2/v4/id/task")
            return .json(body, status: status)
        }
        return try await Self.client(http).task()
    }

    private static func client(_ http: FakeHTTP) -> TaskMetadataClient {
        TaskMetadataClient(
            uri: "http://169.254.170.2/v4/id",
            http: http
        )
    }

    @Test("Fargate's answer, with an ARN for the cluster and fields not known here")
    func fargate() async throws {
        let cluster = "arn:aws:ecs:eu-central-1:111122223333:cluster/agents"
        let metadata = try await task(
            """
            {"Cluster":"\(cluster)","TaskARN":"\(Self.arn)","Family":"agent","Revision":"7",
             "ServiceName":"pool","DesiredStatus":"RUNNING","LaunchType":"FARGATE",
             "ClockDrift":{"ClockErrorBound":0.5},"Limits":{"CPU":0.25},
             "Containers":[
              {"Name":"tfc-agent","KnownStatus":"STOPPED","ExitCode":137,"Networks":[{"x":[1]}]},
              {"Name":"agent-sidecar","KnownStatus":"RUNNING","Health":{"status":"HEALTHY"}}]}
            """
        )
        #expect(
            metadata
                == TaskMetadata(
                    cluster: "agents",
                    clusterARN: cluster,
                    taskARN: Self.arn,
                    serviceName: "pool",
                    family: "agent",
                    revision: "7"
                )
        )
        #expect(metadata.taskID == TaskID("0123456789abcdef"))
        #expect(metadata.region == "eu-central-1")
    }

    @Test(
        "a task is outdated when the service names another task definition, and only then",
        arguments: [
            ("arn:aws:ecs:eu-central-1:111122223333:task-definition/agent:7", false),
            ("arn:aws:ecs:eu-central-1:111122223333:task-definition/agent:8", true),
            ("arn:aws:ecs:eu-central-1:111122223333:task-definition/other:7", true),
            ("agent:7", false), (nil, false),
        ]
    )
    func outdated(primary: String?, expected: Bool) {
        let metadata = TaskMetadata(
            cluster: "agents",
            taskARN: Self.arn,
            serviceName: "pool",
            family: "agent",
            revision: "7"
        )
        let counts = ServiceCounts(desired: 1, running: 1, pending: 0, taskDefinition: primary)
        #expect(metadata.isOutdated(in: counts) == expected)
    }

    @Test("the EC2 agent's answer, with a short cluster name and nothing optional")
    func ec2() async throws {
        let metadata = try await task(
            #"{"Cluster":"agents","TaskARN":"\#(Self.arn)","Family":"agent","Revision":"7"}"#
        )
        #expect(
            metadata
                == TaskMetadata(
                    cluster: "agents",
                    taskARN: Self.arn,
                    serviceName: nil,
                    family: "agent",
                    revision: "7"
                )
        )
    }

    @Test("an answer that is not one is an error with its cause")
    func faults() async {
        let status = await failing { () throws(AgentEndpointFailure) in
            _ = try await task(#""unable to get task""#, status: 404)
        }
        #expect(status == .status(404))
        let rest = #""TaskARN":"\#(Self.arn)","Family":"f","Revision":"7"}"#
        for body in [
            "", #""text""#, #"{"Cluster":"a"}"#, #"{"Cluster":1,"TaskARN":2}"#,
            #"{"Cluster":"",\#(rest)"#,
            #"{"Cluster":"arn:aws:ecs:eu-central-1:1:service/agents/pool",\#(rest)"#,
        ] {
            let failure = await failing { () throws(AgentEndpointFailure) in
                _ = try await task(body)
            }
            guard case .malformed = failure else {
                Issue.record("not malformed: \(String(describing: failure))")
                continue
            }
        }
    }
}

@Suite("Task scale-in protection")
struct ProtectionTests {
    static let arn = "arn:aws:ecs:eu-central-1:111122223333:task/agents/mine"
    static let until = 1_703_109_464_000

    static func client(_ http: FakeHTTP) -> TaskProtectionClient {
        TaskProtectionClient(uri: "http://169.254.170.2/api/id", task: TaskID("mine"), http: http)
    }

    static func protection(_ enabled: String, _ expires: String, arn: String = arn) -> String {
        #"{"protection":{"ExpirationDate":\#(expires),"ProtectionEnabled":\#(enabled),"#
            + #""TaskArn":"\#(arn)"}}"#
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let status: Int
        let body: String
        let answer: ProtectionAnswer
        var testDescription: String { "\(status) \(answer)" }

        init(_ status: Int, _ body: String, _ answer: ProtectionAnswer) {
            self.status = status
            self.body = body
            self.answer = answer
        }
    }

    /// To a request for protection.
    static let cases: [Case] = [
        Case(
            200,
            protection("true", #""2023-12-20T21:57:44Z""#),
            .protected(until: WallTime(milliseconds: until))
        ),
        Case(
            200,
            protection("true", #""2023-12-20T21:57:44.837Z""#),
            .protected(until: WallTime(milliseconds: until + 837))
        ),
        Case(
            200,
            protection("false", "null"),
            .refused(reason: "ProtectionEnabled is still false")
        ),
        Case(
            200,
            protection("true", #""2023-12-20T21:57:44Z""#, arn: arn + "s"),
            .malformed(cause: "the answer is not about task mine")
        ),
        Case(
            200,
            protection("true", "null"),
            .malformed(cause: "ExpirationDate is not a time of RFC 3339")
        ),
        Case(
            200,
            protection("true", #""tomorrow""#),
            .malformed(cause: "ExpirationDate is not a time of RFC 3339")
        ),
        Case(
            200,
            #"{"protection":{"TaskArn":"\#(arn)"}}"#,
            .malformed(cause: "ProtectionEnabled is missing")
        ),
        Case(
            200,
            #"{"failure":{"Arn":"a","Detail":null,"Reason":"DEPLOYMENT_BLOCKED"}}"#,
            .blocked
        ),
        Case(
            200,
            #"{"failure":{"Arn":"a","Detail":null,"Reason":"TASK_NOT_VALID"}}"#,
            .refused(reason: "TASK_NOT_VALID")
        ),
        Case(
            200,
            #"{"failure":{"Arn":"a","Reason":"MISSING"}}"#,
            .refused(reason: "MISSING")
        ),
        Case(
            200,
            #"{"failure":{"Arn":"a","Reason":"SOMETHING_NEW"}}"#,
            .refused(reason: "SOMETHING_NEW")
        ),
        Case(200, #"{"failure":{}}"#, .malformed(cause: "a failure without a reason")),
        Case(
            400,
            #"{"requestID":"r","error":{"Arn":"a","Code":"AccessDeniedException","Message":"no"}}"#,
            .denied(message: "no")
        ),
        Case(
            403,
            #"{"error":{"Code":"AccessDeniedException","Message":"no task role"}}"#,
            .denied(message: "no task role")
        ),
        Case(
            400,
            #"{"error":{"Code":"ThrottlingException","Message":"Rate exceeded"}}"#,
            .throttled
        ),
        Case(429, "You have reached maximum request limit.", .throttled),
        Case(
            504,
            #"{"error":{"Arn":"a","Code":"RequestCanceled","Message":"Timed out calling ECS"}}"#,
            .unclear(cause: "RequestCanceled: Timed out calling ECS")
        ),
        Case(
            500,
            #"{"error":{"Code":"ServerException","Message":"m"}}"#,
            .unclear(cause: "ServerException: m")
        ),
        Case(
            404,
            #"{"error":{"Code":"ResourceNotFoundException","Message":"m"}}"#,
            .refused(reason: "ResourceNotFoundException: m")
        ),
        Case(
            400,
            #"{"error":{"Code":"InvalidParameterException","Message":"m"}}"#,
            .refused(reason: "InvalidParameterException: m")
        ),
        Case(502, "<html>", .unclear(cause: "HTTP status 502")),
        Case(503, "{}", .unclear(cause: "HTTP status 503")),
        Case(
            200,
            "<html>",
            .malformed(cause: "HTTP status 200 with a body not as documented")
        ),
        Case(
            200,
            "{}",
            .malformed(
                cause: "HTTP status 200 without exactly one of protection, failure and error"
            )
        ),
        Case(
            201,
            protection("true", #""2023-12-20T21:57:44Z""#),
            .malformed(
                cause: "HTTP status 201 without exactly one of protection, failure and error"
            )
        ),
        Case(
            200,
            #"{"protection":{"TaskArn":"\#(arn)","ProtectionEnabled":true,"#
                + #""ExpirationDate":"2023-12-20T21:57:44Z"},"failure":{"Reason":"MISSING"}}"#,
            .malformed(
                cause: "HTTP status 200 without exactly one of protection, failure and error"
            )
        ),
    ]

    @Test("every answer to a request for protection is told apart", arguments: cases)
    func protect(each: Case) async {
        let http = FakeHTTP { _, _ in .json(each.body, status: each.status) }
        #expect(await Self.client(http).protect(minutes: 120) == each.answer)
    }

    @Test("the request is what the endpoint documents, with more time than it takes itself")
    func requests() async {
        let http = FakeHTTP { _, _ in .json("{}") }
        let client = Self.client(http)
        _ = await client.protect(minutes: 30)
        _ = await client.unprotect()
        _ = await client.state()
        let url = "http://169.254.170.2/api/id/task-protection/v1/state"
        #expect(http.requests.map(\.url) == [url, url, url])
        #expect(http.requests.map(\.method) == [.put, .put, .get])
        #expect(
            http.requests.map(\.text) == [
                #"{"ProtectionEnabled":true,"ExpiresInMinutes":30}"#,
                #"{"ProtectionEnabled":false}"#, "",
            ]
        )
        #expect(http.requests[0]["content-type"] == "application/json")
        #expect(http.requests.allSatisfy { $0.deadline ?? .zero > .seconds(5) })
    }

    @Test("no answer at all is unclear")
    func lost() async {
        let client = Self.client(FakeHTTP { _, _ throws(HTTPFailure) in throw .lostAnswer })
        let unclear = ProtectionAnswer.unclear(cause: "timed out; it may have taken effect")
        #expect(await client.protect(minutes: 1) == unclear)
        #expect(await client.unprotect() == unclear)
        #expect(await client.state() == unclear)
    }

    @Test("taking protection back succeeds only when the answer says so")
    func unprotect() async {
        let off = Self.client(FakeHTTP { _, _ in .json(Self.protection("false", "null")) })
        #expect(await off.unprotect() == .unprotected)
        let on = Self.client(
            FakeHTTP { _, _ in .json(Self.protection("true", #""2023-12-20T21:57:44Z""#)) }
        )
        #expect(await on.unprotect() == .refused(reason: "ProtectionEnabled is still true"))
    }

    @Test("the state is read as it is")
    func state() async {
        let off = Self.client(FakeHTTP { _, _ in .json(Self.protection("false", "null")) })
        #expect(await off.state() == .unprotected)
        let on = Self.client(
            FakeHTTP { _, _ in .json(Self.protection("true", #""2023-12-20T21:57:44Z""#)) }
        )
        #expect(await on.state() == .protected(until: WallTime(milliseconds: Self.until)))
    }
}
