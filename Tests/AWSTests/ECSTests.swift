import AWS
import Curl
import Decisions
import FoundationEssentials
import Peers
import InMemoryPorts
import Ports
import Testing

@Suite("ECS and SSM calls")
struct ECSTests {
    static let service =
        #"{"serviceName":"pool","status":"ACTIVE","desiredCount":3,"runningCount":2,"#
        + #""pendingCount":1,"taskDefinition":"arn:td:1","deployments":["#
        + #"{"id":"ecs-svc/1","status":"ACTIVE","taskDefinition":"arn:td:1","runningCount":2},"#
        + #"{"id":"ecs-svc/2","status":"PRIMARY","taskDefinition":"arn:td:2","pendingCount":1,"#
        + #""failedTasks":3,"rolloutState":"IN_PROGRESS"}]}"#
    static let counts = ServiceCounts(
        desired: 3,
        running: 2,
        pending: 1,
        status: "ACTIVE",
        taskDefinition: "arn:td:2",
        deployments: [
            DeploymentView(id: "ecs-svc/1", isPrimary: false, running: 2),
            DeploymentView(
                id: "ecs-svc/2",
                isPrimary: true,
                state: .inProgress,
                pending: 1,
                failed: 3
            ),
        ]
    )

    @Test("UpdateService sends the count alone, and answers with the counts it made")
    func update() async throws {
        let http = FakeHTTP { _, _ in .json(#"{"service":\#(Self.service)}"#) }
        let ecs = ECSClient(try makeClient(http))
        let counts = try await ecs.updateService(
            cluster: "agents",
            service: "pool",
            desiredCount: 3
        )
        #expect(counts == Self.counts)
        #expect(
            http.requests.first?.text
                == #"{"cluster":"agents","desiredCount":3,"service":"pool"}"#
        )
    }

    @Test("DescribeServices answers with the counts and the primary task definition")
    func describe() async throws {
        let http = FakeHTTP { _, _ in .json(#"{"services":[\#(Self.service)],"failures":[]}"#) }
        let ecs = ECSClient(try makeClient(http))
        let counts = try await ecs.describeService(cluster: "agents", service: "pool")
        #expect(counts == Self.counts)
    }

    @Test("a service that is MISSING is not found, though the status is 200")
    func missing() async throws {
        let http = FakeHTTP { _, _ in
            .json(#"{"services":[],"failures":[{"arn":"x","reason":"MISSING"}]}"#)
        }
        let ecs = ECSClient(try makeClient(http))
        let failure = await failing { () throws(AWSFailure) in
            _ = try await ecs.describeService(cluster: "agents", service: "no")
        }
        #expect(failure?.cause == .notFound(code: "MISSING", message: "service no of agents"))
    }

    @Test("what is true after a call of the service failed is said in the port's words")
    func failures() async throws {
        let failure = { (status: Int, type: String) async throws -> ServiceFailure? in
            let http = FakeHTTP { _, _ throws(HTTPFailure) in
                if status == 0 { throw .lostAnswer }
                return .json(#"{"__type":"\#(type)","message":"m"}"#, status: status)
            }
            let ecs = ECSClient(try makeClient(http))
            let service = ECSService(ecs, cluster: "agents", service: "pool")
            return await failing { () throws(ServiceFailure) in
                _ = try await service.setDesiredCount(2)
            }
        }
        guard case .unchanged = try await failure(400, "AccessDeniedException"),
            case .ending = try await failure(400, "ServiceNotActiveException"),
            case .unclear = try await failure(500, "ServerException"),
            case .unclear = try await failure(0, "")
        else {
            Issue.record("told otherwise")
            return
        }
    }

    @Test("a service that cannot be read is unread, whatever became of the call")
    func unread() async throws {
        let http = FakeHTTP { _, _ in .json(#"{"__type":"ClientException"}"#, status: 400) }
        let ecs = ECSClient(try makeClient(http))
        let service = ECSService(ecs, cluster: "agents", service: "pool")
        let failures = [
            await failing { () throws(ServiceFailure) in _ = try await service.counts() },
            await failing { () throws(ServiceFailure) in _ = try await service.tasks() },
        ]
        for failure in failures {
            guard case .unread(let cause) = failure else {
                Issue.record("told otherwise: \(String(describing: failure))")
                continue
            }
            #expect(cause.contains("ClientException"))
        }
    }

    private func counts(deployments: String) async throws -> ServiceCounts {
        let http = FakeHTTP { _, _ in
            .json(
                #"{"services":[{"status":"ACTIVE","desiredCount":1,"runningCount":1,"#
                    + #""pendingCount":0,"deployments":\#(deployments)}]}"#
            )
        }
        let ecs = ECSClient(try makeClient(http))
        return try await ecs.describeService(cluster: "agents", service: "pool")
    }

    @Test("a deployment's time is seconds with a fraction, or a date and time")
    func deploymentTimes() async throws {
        for time in ["1767225600.25", #""2026-01-01T00:00:00.25Z""#] {
            let counts = try await counts(
                deployments: #"[{"id":"ecs-svc/7","status":"PRIMARY","createdAt":\#(time)}]"#
            )
            #expect(
                counts.deployments.first?.createdAt == WallTime(milliseconds: 1_767_225_600_250)
            )
        }
    }

    @Test("what cannot be read of a deployment is unknown, and one that is over is left out")
    func oddDeployments() async throws {
        let counts = try await counts(
            deployments: #"[{"status":"PRIMARY","createdAt":[1],"rolloutState":"NEW"},"#
                + #"{"id":"ecs-svc/1","status":"INACTIVE"},{"createdAt":1e300,"status":"ACTIVE"}]"#
        )
        #expect(
            counts.deployments == [
                DeploymentView(id: nil, isPrimary: true), DeploymentView(id: nil, isPrimary: false),
            ]
        )
        #expect(try await self.counts(deployments: "null").deployments == [])
    }

    @Test("a task's start is asked for by its id, and a person's word is no deployment")
    func start() async throws {
        let http = FakeHTTP { _, number in
            number == 1
                ? .json(#"{"tasks":[{"startedBy":"ecs-svc/7","createdAt":1767225600}]}"#)
                : .json(#"{"tasks":[{"startedBy":"me"}],"failures":[]}"#)
        }
        let ecs = ECSClient(try makeClient(http))
        let start = try await ecs.describeTask(cluster: "agents", task: TaskID("t1"))
        #expect(
            start
                == TaskStart(
                    deployment: "ecs-svc/7",
                    createdAt: WallTime(milliseconds: 1_767_225_600_000)
                )
        )
        #expect(http.requests.first?.text == #"{"cluster":"agents","tasks":["t1"]}"#)
        let other = try await ecs.describeTask(cluster: "agents", task: TaskID("t2"))
        #expect(other == TaskStart(deployment: nil, createdAt: nil))
    }

    @Test("a task that is MISSING is not found, though the status is 200")
    func missingTask() async throws {
        let http = FakeHTTP { _, _ in .json(#"{"tasks":[],"failures":[{"reason":"MISSING"}]}"#) }
        let ecs = ECSClient(try makeClient(http))
        let failure = await failing { () throws(AWSFailure) in
            _ = try await ecs.describeTask(cluster: "agents", task: TaskID("t1"))
        }
        #expect(failure?.cause == .notFound(code: "MISSING", message: "task t1 of agents"))
    }

    @Test("all pages of the tasks are read")
    func pages() async throws {
        let http = FakeHTTP { request, number in
            #expect(request.text.contains(#""nextToken""#) == (number > 1))
            let next = number < 3 ? #","nextToken":"t\#(number)""# : ""
            return .json(#"{"taskArns":["arn:aws:ecs:r:1:task/agents/\#(number)"]\#(next)}"#)
        }
        let service = ECSService(
            ECSClient(try makeClient(http)),
            cluster: "agents",
            service: "pool"
        )
        #expect(try await service.tasks() == [TaskID("1"), TaskID("2"), TaskID("3")])
        #expect(http.requests.last?.text.contains(#""nextToken":"t2""#) == true)
    }

    @Test("pages without end are an error")
    func endlessPages() async throws {
        let http = FakeHTTP { _, _ in .json(#"{"taskArns":[],"nextToken":"again"}"#) }
        let ecs = ECSClient(try makeClient(http))
        let failure = await failing { () throws(AWSFailure) in
            _ = try await ecs.listTasks(cluster: "agents", service: "pool")
        }
        #expect(failure?.cause == .malformedAnswer("more than 60 pages"))
    }

    @Test("tasks are described a hundred at a time, with what ECS says of their ends")
    func tasks() async throws {
        let http = FakeHTTP { _, number in
            number == 1
                ? .json(
                    #"{"tasks":[{"taskArn":"arn:aws:ecs:r:1:task/agents/b","lastStatus":"STOPPED","#
                        + #""taskDefinitionArn":"arn:aws:ecs:r:1:task-definition/agent:7","#
                        + #""startedBy":"ecs-svc/7","createdAt":1767225520,"#
                        + #""connectivityAt":1767225530,"pullStartedAt":1767225540,"#
                        + #""pullStoppedAt":1767225550,"stoppingAt":1767225590,"#
                        + #""stoppedAt":1767225600,"stopCode":"TaskFailedToStart","#
                        + #""stoppedReason":"no image","containers":[{"name":"tfc-agent","#
                        + #""reason":"CannotPullContainerError: no"}]}],"failures":[]}"#
                )
                : .json(#"{"tasks":[{"taskArn":"a"}]}"#)
        }
        let ecs = ECSClient(try makeClient(http))
        let ids = Set((0..<101).map { TaskID("t\($0)") })
        let found = try await ecs.describeTasks(cluster: "agents", ids)
        #expect(http.requests.count == 2)
        #expect(found.map(\.id) == [TaskID("a"), TaskID("b")])
        #expect(
            found.last
                == TaskDescription(
                    id: TaskID("b"),
                    state: "STOPPED",
                    definition: "agent:7",
                    deployment: "ecs-svc/7",
                    createdAt: WallTime(milliseconds: 1_767_225_520_000),
                    connectivityAt: WallTime(milliseconds: 1_767_225_530_000),
                    pullStartedAt: WallTime(milliseconds: 1_767_225_540_000),
                    pullStoppedAt: WallTime(milliseconds: 1_767_225_550_000),
                    stoppingAt: WallTime(milliseconds: 1_767_225_590_000),
                    stoppedAt: WallTime(milliseconds: 1_767_225_600_000),
                    stopCode: "TaskFailedToStart",
                    stoppedReason: "no image",
                    containers: [.init(name: "tfc-agent", reason: "CannotPullContainerError: no")]
                )
        )
    }

    @Test("a look at a service has its deployments and events in ECS's words, newest first")
    func look() async throws {
        let http = FakeHTTP { _, _ in
            .json(
                #"{"services":[{"status":"ACTIVE","desiredCount":1,"runningCount":0,"#
                    + #""pendingCount":1,"deployments":[{"id":"ecs-svc/2","status":"PRIMARY","#
                    + #""taskDefinition":"arn:x/agent:2","rolloutState":"FAILED","#
                    + #""rolloutStateReason":"tasks failed to start"},{"status":"INACTIVE"}],"#
                    + #""events":[{"createdAt":1767225600,"message":"b"},{"message":"a"}]}]}"#
            )
        }
        let ecs = ECSClient(try makeClient(http))
        let look = try await ecs.lookAtService(cluster: "agents", service: "pool")
        #expect(look.deployments.map(\.definition) == ["agent:2"])
        #expect(look.deployments.map(\.reason) == ["tasks failed to start"])
        #expect(look.deployments.map(\.view.state) == [.failed])
        #expect(
            look.events == [
                ServiceMessage(at: WallTime(milliseconds: 1_767_225_600_000), text: "b"),
                ServiceMessage(at: nil, text: "a"),
            ]
        )
    }

    @Test("a parameter is asked for decrypted, and its value is in no error")
    func parameter() async throws {
        let http = FakeHTTP { _, number in
            number == 1
                ? .json(#"{"Parameter":{"Name":"n","Value":"hush"}}"#)
                : .json(#"{"Parameter":{"Name":"n","Value":["hush"]}}"#)
        }
        let ssm = SSMClient(try makeClient(http))
        #expect(try await ssm.getParameter("/agents/key") == "hush")
        #expect(http.requests[0].text == #"{"Name":"/agents/key","WithDecryption":true}"#)
        let failure = await failing { () throws(AWSFailure) in
            _ = try await ssm.getParameter("/agents/key")
        }
        #expect(failure?.description.contains("hush") == false)
    }
}

@Suite("Against botocore's models and signer")
struct BotocoreTests {
    static let shared = SharedPeer { try await Peer.start("botocore_peer.py") }

    func client(_ http: CurlClient) async throws -> AWSClient {
        try makeClient(http, port: try await Self.shared.peer.ready.port)
    }

    @Test("every call is signed rightly and fits the service's model")
    func calls() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let aws = try await client(http)
        let ecs = ECSClient(aws)
        let updated = try await ecs.updateService(cluster: "a", service: "s", desiredCount: 0)
        #expect(updated == ECSTests.counts)
        #expect(try await ecs.describeService(cluster: "a", service: "s") == ECSTests.counts)
        let look = try await ecs.lookAtService(cluster: "a", service: "s")
        #expect(look.counts == ECSTests.counts)
        #expect(look.events.map(\.text) == ["(service pool) has reached a steady state."])
        for areStopped in [false, true] {
            let tasks = try await ecs.listTasks(
                cluster: "a",
                service: "s",
                areStopped: areStopped
            )
            #expect(tasks == [TaskID("one")])
        }
        let described = try await ecs.describeTasks(cluster: "a", [TaskID("one")])
        #expect(described.map(\.state) == ["RUNNING"])
        #expect(
            try await ecs.describeTask(cluster: "a", task: TaskID("one"))
                == TaskStart(deployment: "ecs-svc/1", createdAt: nil)
        )
        #expect(try await SSMClient(aws).getParameter("n") == "v")
    }

    @Test("what a doctor asks is signed rightly and fits each service's model")
    func inspections() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let aws = try await client(http)
        let ecs = ECSClient(aws)
        let service = try await ecs.inspectService(cluster: "a", service: "s")
        #expect(service.desiredCount == 3)
        let definition = try await ecs.inspectDefinition("f:1")
        #expect(definition.container("tfc-agent") != nil)
        let safe = try await ecs.protectedTasks(cluster: "a", among: [TaskID("one")])
        #expect(safe == [TaskID("one")])
        try await ecs.tryProtection(cluster: "a")
        #expect(try await SSMClient(aws).describeParameter("/n")?.type == "SecureString")

        let table = TableInspection(aws, table: "ledger")
        let described = try await table.describe()
        #expect(
            described
                == TableInspection.Description(
                    status: "ACTIVE",
                    keys: ["pk HASH"],
                    isProtected: true,
                    expiryAttribute: "expires"
                )
        )
        try await table.tryRead(partition: "a/s")
        try await table.tryWrite(partition: "a/s", sort: "ledger", attribute: "size")

        let around = SurroundingsInspection(aws)
        for name in ["tfc/agent:1", "tfc-agent@sha256:\(String(repeating: "0", count: 64))"] {
            let host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/"
            let image = try #require(SurroundingsInspection.ECRImage(host + name))
            try await around.find(image)
        }
        #expect(try await around.hasLogGroup("/ecs/pool"))
        #expect(try await !around.hasLogGroup("/ecs"))
        #expect(try await around.fargateQuota("L-3032A538") == 20)
        var lines: [String] = []
        let now = WallTime(milliseconds: 1_700_000_000_000)
        let logs = LogGroupReader(aws)
        try await logs.read("/ecs/pool", from: now, to: now) { lines.append($0.text) }
        #expect(lines == ["one", "two"])
        let alarms = try await around.alarms(prefix: "tfc-")
        #expect(alarms.map(\.name) == ["a", "b"])
        #expect(alarms.map(\.isArmed) == [false, true])
    }

    @Test("IAM's simulator is asked by a form as botocore writes it, signed for its own region")
    func simulation() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let roles = RoleInspection(try await client(http))
        let role = "arn:aws:iam::123456789012:role/tfc-task é"
        for (resource, isAllowed) in [("own", true), ("public", false)] {
            let question = RoleInspection.Question(
                "dynamodb:UpdateItem",
                on: "arn:aws:dynamodb:eu-central-1:1:table/\(resource)",
                texts: ["ecs:cluster": "arn:aws:ecs:eu-central-1:1:cluster/a b&c"],
                lists: ["dynamodb:Attributes": ["pk", "size"], "dynamodb:LeadingKeys": ["a/b"]]
            )
            #expect(try await roles.allows(role, question) == isAllowed)
        }
    }

    @Test(
        "IAM has one place in each partition",
        arguments: [
            ("eu-central-1", "https://iam.amazonaws.com/", "us-east-1"),
            ("cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
            ("us-gov-east-1", "https://iam.us-gov.amazonaws.com/", "us-gov-west-1"),
        ]
    )
    func iam(region: String, url: String, signed: String) throws {
        let place = try AWSEnvironment(["AWS_REGION": region]).iam
        #expect(place.url == url && place.region == signed)
    }

    @Test("what a proof asks is signed rightly and fits each service's model")
    func proof() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let aws = try await client(http)
        let ecs = ECSClient(aws)
        #expect(try await ecs.deployAgain(cluster: "a", service: "s") == ECSTests.counts)
        try await ecs.stopTask(cluster: "a", TaskID("one"), reason: "tried out")
        let described = try await ecs.describeTasks(cluster: "a", [TaskID("one")])
        #expect(described.map(\.deployment) == ["ecs-svc/1"])
        // The prefix finds another family, too.
        #expect(try await ecs.taskDefinitions(family: "f") == ["f:1"])
        try await ecs.remove(definition: "f:1")

        let belongings = Belongings(aws)
        let tags = ["rehearsal-prove": "mark"]
        #expect(try await belongings.tags(ofCluster: "proof") == tags)
        #expect(try await belongings.tags(ofTable: "proof-ledger") == tags)
        #expect(try await belongings.tags(ofLogGroup: "/ecs/pool") == tags)
        #expect(try await belongings.tags(ofLogGroup: "/ecs") == nil)
        let arns = try await belongings.resources(tagged: "rehearsal-prove", "mark")
        #expect(arns == ["arn:aws:ecs:eu-central-1:1:cluster/proof"])

        #expect(try await ItemReader(aws, table: "ledger").texts("a/s").isEmpty)

        let jobs = JobTable(aws, name: "proof-prove")
        let job = try #require(Job(key: "run-1/plan"))
        try await jobs.offer(job, number: 1, milliseconds: 1_500)
        #expect(try await jobs.take(by: "agent") == nil)
        #expect(try await jobs.finish(job, by: "agent"))
    }

    @Test("an image of ECR is told by its host, with tag or digest; others are not looked for")
    func images() {
        let host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/"
        let tagged = SurroundingsInspection.ECRImage(host + "tfc/agent:1.2")
        #expect(tagged?.repository == "tfc/agent")
        #expect(tagged?.tag == "1.2")
        #expect(tagged?.region == "eu-central-1")
        #expect(SurroundingsInspection.ECRImage(host + "agent")?.tag == "latest")
        let pinned = SurroundingsInspection.ECRImage(host + "agent:1@sha256:0")
        #expect(pinned?.repository == "agent")
        #expect(pinned?.digest == "sha256:0")
        for other in ["hashicorp/tfc-agent:1", "public.ecr.aws/a/b:1", "agent"] {
            #expect(SurroundingsInspection.ECRImage(other) == nil)
        }
    }

    @Test("the ledger's calls are signed rightly and fit DynamoDB's model")
    func ledger() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let limits = try #require(Limits(desiredCount: 0, maxCount: 9, spareCount: 0))
        let store = DynamoDBLedgerStore(
            try await client(http),
            table: "ledger",
            cluster: "agents",
            service: "pool",
            environment: limits,
            adoption: { 0 }
        )
        let (_, snapshot) = try await store.change(knowing: { _ in [TaskID("u")] }) {
            ledger,
            limits in
            for job in ["run-é/plan", "run-2/apply"].compactMap(Job.init(key:)) {
                ledger.jobs[job] = .init(at: .now())
                ledger.uphold(limits, at: .now())
            }
            ledger.expose(TaskID("t"), at: .now(), limits)
            _ = ledger.depart(TaskID("u"), at: .now(), limits)
        }
        // The peer's table is empty, also for the look after the write.
        #expect(snapshot.ledger == Ledger())
        let job = try #require(Job(key: "run-é/plan"))
        let waiting = Ledger.JobEntry(at: .now())
        #expect(try await store.write(JobWrite(job, from: nil, to: waiting)).isMade)
        #expect(try await store.write(JobWrite(job, from: waiting, to: nil)).isMade)
        #expect(try await store.counted() == Ledger())
        for version in [0, 1] {
            #expect(try await store.raise(to: 4, over: version, bookingAt: .now()).isBooked)
        }
        #expect(try await store.book(at: .now()).wait == nil)
        #expect(try await store.note(followed: 1, after: 0).counted.size == 4)
    }
}
