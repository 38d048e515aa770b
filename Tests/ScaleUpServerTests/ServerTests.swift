import Curl
import Decisions
import FoundationEssentials
import Glibc
import HCPTerraform
import Peers
import Testing

/// One server for the tests that ask it one thing each.
actor SharedStage {
    private var starting: Task<ServerStage, any Error>?

    var stage: ServerStage {
        get async throws {
            let task = starting ?? Task { try await ServerStage(service: "shared") }
            starting = task
            return try await task.value
        }
    }
}

let shared = SharedStage()

func head(_ length: String, _ lines: [String]) -> String {
    (["POST / HTTP/1.1", "Host: x", length] + lines + ["", ""]).joined(separator: "\r\n")
}

func signature(_ body: [UInt8]) -> String {
    "X-TFC-Task-Signature: " + ServerStage.key.sign(body)
}

/// One that a stranger can make up.
let wrongSignature = "X-TFC-Task-Signature: " + String(repeating: "0a", count: 64)

@Suite("scale-up-server, every answer, against moto")
struct ServerAnswerTests {
    @Test("a signed call is 200, its job in the ledger, and HCP Terraform called back")
    func signed() async throws {
        let stage = try await shared.stage
        let job = try #require(Job(key: "run-signed/plan"))
        #expect(try await stage.post(stage.payload("run-signed")).status == 200)
        #expect(try await stage.ledger().jobs[job] != nil)
        #expect(try await stage.callbacks()["/callback/run-signed"] == ["passed"])
    }

    @Test("the verification request is 200 and nothing else happens")
    func verification() async throws {
        let stage = try await shared.stage
        let text = String(decoding: stage.payload("run-verify"), as: UTF8.self)
            .replacing("\"token-run-verify\"", with: "\"test-token\"")
        #expect(try await stage.post(Array(text.utf8)).status == 200)
        #expect(try await stage.ledger().jobs.keys.allSatisfy { $0.id != "run-verify" })
    }

    @Test("a notification of a run's end is 200, and ends its job")
    func notification() async throws {
        let stage = try await shared.stage
        let header = "X-TFE-Notification-Signature"
        let job = try #require(Job(key: "run-ending/plan"))
        _ = try await stage.post(stage.payload("run-ending"))
        #expect(try await stage.ledger().jobs[job] != nil)
        let body = Array(
            """
            {"payload_version":1,"run_id":"run-ending","workspace_name":"network",\
            "notifications":[{"trigger":"run:errored","run_status":"canceled"}]}
            """.utf8
        )
        #expect(try await stage.post(body, signature: "", header: header).status == 401)
        #expect(try await stage.ledger().jobs[job] != nil)
        #expect(try await stage.post(body, header: header).status == 200)
        #expect(try await stage.ledger().jobs[job] == nil)
    }

    @Test("a wrong, an empty, a missing and a doubled signature are 401")
    func unauthorized() async throws {
        let stage = try await shared.stage
        let body = stage.payload("run-unsigned")
        #expect(try await stage.post(body, signature: RunTaskKey("x").sign(body)).status == 401)
        #expect(try await stage.post(body, signature: "").status == 401)
        #expect(try await stage.post(body, header: "X-Other").status == 401)
        let twice = try RawConnection(port: stage.port)
        let lines = [signature(body), signature(body).lowercased()]
        twice.send(head("Content-Length: \(body.count)", lines))
        twice.send(body)
        #expect(await twice.status() == 401)
        #expect(try await stage.ledger().jobs.keys.allSatisfy { $0.id != "run-unsigned" })
    }

    @Test("the signature's header counts in any case", arguments: ["upper", "lower"])
    func headerCase(_ form: String) async throws {
        let stage = try await shared.stage
        let name = "X-Tfc-Task-Signature"
        let header = form == "upper" ? name.uppercased() : name.lowercased()
        #expect(try await stage.post(stage.payload("run-\(form)"), header: header).status == 200)
    }

    @Test(
        "a value of another type is refused in no field: the call is passed, or cannot be answered",
        arguments: [
            "payload_version", "stage", "access_token", "capabilities", "organization_name",
            "run_id", "task_result_callback_url", "task_result_enforcement_level",
            "workspace_name", "run_message", "vcs_branch",
        ]
    )
    func wrongTypes(_ field: String) async throws {
        let stage = try await shared.stage
        for value in ["[]", "{\"a\":[]}", "1.5", "true", "\"\\ud800\""] {
            // The last of two members with one name would be a second reading; take the first out.
            let payload = String(decoding: stage.payload("run-types"), as: UTF8.self)
            let name = "\"\(field)\":"
            let start = try #require(payload.firstRange(of: name)).upperBound
            let rest = payload[start...]
            let end =
                rest.hasPrefix("{")
                ? rest.firstRange(of: "}")?.upperBound
                : rest.firstRange(of: ",\"")?.lowerBound ?? rest.lastIndex(of: "}")
            let body = payload[..<start] + value + payload[try #require(end)...]
            let status = try await stage.post(Array(body.utf8)).status
            #expect(status == 200, "\(field): \(value)")
        }
    }

    @Test("what is no JSON of a run task is 400, nested 100,000 levels deep or not")
    func noRunTask() async throws {
        let stage = try await shared.stage
        let deep = String(repeating: "[", count: 100_000)
        let objects = String(repeating: "{\"a\":", count: 100_000)
        let closed = deep + String(repeating: "]", count: 100_000)
        for text in ["", "{", "null", "\u{feff}", "[]", deep, closed, objects] {
            #expect(try await stage.post(Array(text.utf8)).status == 400)
        }
        #expect(try await stage.post([0xff, 0xfe, 0x00]).status == 400)
        #expect(try await stage.send(.get, "/healthz") == 200)
    }

    @Test("a callback URL of another host is 400")
    func otherHost() async throws {
        let stage = try await shared.stage
        let body = stage.payload("run-host", ",\"x\":1")
        let text = String(decoding: body, as: UTF8.self)
            .replacing("http://127.0.0.1:", with: "http://127.0.0.2:")
        #expect(try await stage.post(Array(text.utf8)).status == 400)
    }

    @Test("anything but POST is 405, but the health check is 200")
    func methods() async throws {
        let stage = try await shared.stage
        for method in [HTTPRequest.Method.get, .put, .delete] {
            #expect(try await stage.send(method, "/") == 405)
        }
        #expect(try await stage.send(.get, "/healthz") == 200)
    }

    @Test("a body over 1 MiB is 413, whether its length is announced or not")
    func oversize() async throws {
        let stage = try await shared.stage
        let announced = try RawConnection(port: stage.port)
        announced.send(head("Content-Length: 2000000", [wrongSignature]))
        #expect(await announced.status() == 413)

        let chunked = try RawConnection(port: stage.port)
        chunked.send(head("Transfer-Encoding: chunked", [wrongSignature]))
        let piece = [UInt8](repeating: 0x20, count: 1 << 16)
        for _ in 0..<17 {
            chunked.send("10000\r\n")
            chunked.send(piece)
            chunked.send("\r\n")
        }
        #expect(await chunked.status() == 413)
    }

    @Test("a client that goes on sending after its 413 is cut off")
    func oversizeGoesOn() async throws {
        let stage = try await shared.stage
        let connection = try RawConnection(port: stage.port)
        connection.send(head("Transfer-Encoding: chunked", [wrongSignature]))
        let start = ContinuousClock.now
        let piece = [UInt8](repeating: 0x20, count: 1 << 16)
        while connection.send("10000\r\n"), connection.send(piece), connection.send("\r\n") {
            try #require(start.duration(to: .now) < .seconds(20))
        }
    }

    @Test("a truncated body changes nothing")
    func truncated() async throws {
        let stage = try await shared.stage
        let body = stage.payload("run-truncated")
        let connection = try RawConnection(port: stage.port)
        connection.send(head("Content-Length: \(body.count)", [signature(body)]))
        connection.send(Array(body.dropLast(5)))
        connection.closeWriting()
        let answer = await connection.untilClosed().text
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"))
        #expect(try await stage.ledger().jobs.keys.allSatisfy { $0.id != "run-truncated" })
    }

    @Test("what is no HTTP at all is 400 or a closed connection")
    func noHTTP() async throws {
        let stage = try await shared.stage
        let connection = try RawConnection(port: stage.port)
        connection.send("\u{1}\u{2}\u{3} what is this\r\n\r\n")
        let answer = await connection.untilClosed().text
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"))
    }
}

@Suite("scale-up-server, slow clients")
struct SlowClientTests {
    @Test("a connection that does not send a whole head in 10 s is closed")
    func slowHead() async throws {
        let stage = try await shared.stage
        let connection = try RawConnection(port: stage.port)
        connection.send("POST / HTTP/1.1\r\nHost: x\r\n")
        let (text, took) = await connection.untilClosed()
        #expect(text.isEmpty)
        #expect((.seconds(8)...Duration.seconds(20)).contains(took))
    }

    @Test("a body that drips is 408 after 10 s, and then closed, however steadily it drips")
    func slowBody() async throws {
        let stage = try await shared.stage
        let connection = try RawConnection(port: stage.port)
        connection.send(head("Content-Length: 1000", [wrongSignature]))
        let dripping = Task {
            while connection.send(" ") { try await Task.sleep(for: .milliseconds(300)) }
        }
        let (text, took) = await connection.untilClosed()
        #expect(text.hasPrefix("HTTP/1.1 408"))
        #expect((.seconds(8)...Duration.seconds(20)).contains(took))
        dripping.cancel()
    }
}

@Suite("scale-up-server, process")
struct ServerProcessTests {
    @Test("SIGTERM: an accepted request is answered, then the process exits with 0")
    func gracefulStop() async throws {
        let stage = try await ServerStage(service: "stopped")
        try await stage.tellPeer("hold")
        async let answer = stage.post(stage.payload("run-held"))
        #expect(try await stage.callbacks()["/callback/run-held"]?.isEmpty == false)
        let idle = try RawConnection(port: stage.port)
        stage.process.signal(SIGTERM)
        #expect(await idle.untilClosed().took < .seconds(5))
        #expect(throws: RawConnection.Failure.self) { try RawConnection(port: stage.port) }
        #expect(stage.process.isRunning)
        try await stage.tellPeer("release")
        #expect(try await answer.status == 200)
        try await stage.until("the server exits") { !stage.process.isRunning }
        #expect(stage.process.exitCode == 0)
    }

    @Test("SIGTERM: a request that is half here is taken to its end and answered")
    func stopDuringBody() async throws {
        let stage = try await ServerStage(service: "stopped-during-body")
        let body = stage.payload("run-half")
        let connection = try RawConnection(port: stage.port)
        connection.send(head("Content-Length: \(body.count)", [signature(body)]))
        connection.send(Array(body.dropLast()))
        // Answered after those bytes were read.
        #expect(try await stage.post(stage.payload("run-whole")).status == 200)
        stage.process.signal(SIGTERM)
        try await stage.until("the server takes no more connections") {
            (try? RawConnection(port: stage.port)) == nil
        }
        connection.send([try #require(body.last)])
        #expect(await connection.status() == 200)
        try await stage.until("the server exits") { !stage.process.isRunning }
        #expect(stage.process.exitCode == 0)
    }

    @Test("503 when ledger and service cannot be reached, within ten seconds")
    func unreachable() async throws {
        let nobody = "http://127.0.0.1:1"
        let stage = try await ServerStage(
            service: "unreachable",
            ["AWS_ENDPOINT_URL_DYNAMODB": nobody]
        )
        let start = ContinuousClock.now
        #expect(try await stage.post(stage.payload("run-1")).status == 503)
        #expect(start.duration(to: .now) < .seconds(10))
        #expect(try await stage.updates().isEmpty)
    }

    @Test("500 signed webhooks at once: all 200 in 10 s, at most 5 updates a second, size 500")
    func burst() async throws {
        let stage = try await ServerStage(service: "burst")
        let start = ContinuousClock.now
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<500 {
                group.addTask { try await stage.post(stage.payload("run-\(number)")).status }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let took = start.duration(to: .now)
        #expect(statuses.count == 500 && statuses.allSatisfy { $0 == 200 })
        #expect(took < .seconds(10))
        let ledger = try await stage.ledger()
        #expect(ledger.size == 500 && ledger.jobs.count == 500)
        #expect(try await stage.desiredCount() == 500)
        #expect(try await stage.callbacks().count == 500)
        let times = try await stage.updates().map { $0[0] }
        let most = times.map { first in times.count { $0 >= first && $0 < first + 1 } }.max() ?? 0
        print(
            "burst: 500 webhooks in \(took), \(times.count) updates of the service, "
                + "\(most) of them in one second, \(ledger.moves) moves of the ledger"
        )
        #expect(most <= 5)
        #expect(ledger.moves < 50)
    }

    @Test("the sweep repairs the service by itself and announces runs that no webhook did")
    func sweeps() async throws {
        let stage = try await ServerStage(
            service: "swept",
            [
                "TFE_TOKEN": "the-token", "TFC_ORGANIZATION": "acme",
                "TFC_AGENT_POOL_NAME": "pool",
            ],
            runs: #"[{"id":"run-lost","type":"runs","attributes":{"status":"plan_queued"}}]"#
        )
        let lost = try #require(Job(key: "run-lost/plan"))
        try await stage.until("the run is announced") {
            try await stage.ledger().jobs[lost] != nil
        }
        try await stage.until("the service follows") { try await stage.desiredCount() == 1 }
    }
}
