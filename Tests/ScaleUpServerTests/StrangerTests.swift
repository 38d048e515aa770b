import Curl
import Decisions
import FoundationEssentials
import Glibc
import HCPTerraform
import Peers
import Testing

/// What the kernel says of a process's memory (proc(5), `/proc/PID/status`), in bytes.
private struct Memory {
    let process: TestProcess

    var now: Int { get throws { try value("VmRSS") } }
    /// Since it was forgotten last.
    var peak: Int { get throws { try value("VmHWM") } }

    /// Lets the peak begin anew (proc(5), `/proc/PID/clear_refs`).
    func forgetPeak() throws {
        try Data("5".utf8).write(to: URL(filePath: "/proc/\(process.pid)/clear_refs"))
    }

    private func value(_ name: String) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + ":") })
        return 1_024 * (try #require(Int(line.filter(\.isNumber))))
    }
}

/// Bytes on their way to the connections of a port, and those that nobody has read there (proc(5),
/// `/proc/net/tcp`).
private func unread(at port: Int) throws -> Int {
    let own = ":" + String(port + 0x1_0000, radix: 16, uppercase: true).suffix(4)
    let established = "01"
    let table = try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)
    var sum = 0
    for line in table.split(separator: "\n").dropFirst() {
        let fields = line.split(separator: " ")
        guard fields.count > 4, fields[3] == established else { continue }
        // Our address, theirs, the state, and tx_queue:rx_queue.
        if fields[1].hasSuffix(own) { sum += try #require(Int(fields[4].suffix(8), radix: 16)) }
        if fields[2].hasSuffix(own) { sum += try #require(Int(fields[4].prefix(8), radix: 16)) }
    }
    return sum
}

/// As many open files as the system lets this process have.
private func raiseFileLimit() throws {
    var limit = rlimit()
    try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    limit.rlim_cur = min(limit.rlim_max, 8_192)
    try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
}

@Suite("scale-up-server, strangers")
struct StrangerTests {
    @Test(
        "780 connections with bodies that nobody signed take no more than 16 MiB and their sockets",
        .unsanitized,
        arguments: [
            (signature: nil, megabyte: true), (signature: wrongSignature, megabyte: true),
            (signature: wrongSignature, megabyte: false),
        ] as [(signature: String?, megabyte: Bool)]
    )
    func memory(_ signature: String?, _ megabyte: Bool) async throws {
        try raiseFileLimit()
        let name = "strangers-\(signature == nil)-\(megabyte)"
        let stage = try await ServerStage(service: name)
        #expect(try await stage.post(stage.payload("run-first")).status == 200)
        let memory = Memory(process: stage.process)
        try memory.forgetPeak()
        let before = try memory.now

        // All but the last byte: what may be held is held.
        let size = megabyte ? 1 << 20 : 16 << 10
        let piece = [UInt8](repeating: 0x20, count: 16 << 10)
        let head = head("Content-Length: \(size + 1)", signature.map { [$0] } ?? [])
        let connections = try (0..<780).map { _ in try RawConnection(port: stage.port) }
        for connection in connections { connection.send(head) }
        var open = connections
        for _ in 0..<size / piece.count { open = open.filter { $0.send(piece) } }

        // The run comes first: a call is answered all the same.
        let filler = ",\"x\":\"" + String(repeating: "x", count: 15 << 10) + "\""
        #expect(try await stage.post(stage.payload("run-amid", filler)).status == 200)
        let grown = try memory.peak - before
        print(
            "strangers: 780 bodies of \(size >> 10) KiB, "
                + (signature == nil ? "no signature" : "wrong signature")
                + ", \(open.count) connections left: \(before >> 20) MiB and \(grown >> 20) more"
        )
        #expect(grown < 40 << 20)
        // Each kind of refusal is a few lines, and a count.
        let lines = stage.logged.split(separator: "\n").filter { $0.contains("refused a request") }
        #expect(lines.count <= 15)
    }

    @Test(
        "bodies whose senders reset the connection are counted for as long as they are held",
        .unsanitized,
        arguments: ["a key in doubt", "no key, and SSM hangs"]
    )
    func reset(_ state: String) async throws {
        try raiseFileLimit()
        let silent = try SilentPort()
        let hasKey = state == "a key in doubt"
        let name = "reset-\(hasKey)"
        let http = try CurlClient()
        defer { http.stop() }
        try await ParameterTests.put("/server/\(name)", "the-key", over: http)
        var settings = ["RUN_TASK_HMAC_KEY": "", "RUN_TASK_HMAC_KEY_PARAMETER": "/server/\(name)"]
        if !hasKey { settings["AWS_ENDPOINT_URL_SSM"] = "http://127.0.0.1:\(silent.number)" }
        let stage = try await ServerStage(service: name, settings)
        if hasKey { #expect(try await stage.post(stage.payload("run-first")).status == 200) }
        let memory = Memory(process: stage.process)
        try memory.forgetPeak()
        let before = try memory.now

        let body = [UInt8](repeating: 0x20, count: 1 << 20)
        let start = ContinuousClock.now
        var whole = 0
        // As many at once as there is room for: more would leave none of them enough.
        for _ in 0..<100 {
            let connections = try (0..<4).map { _ in try RawConnection(port: stage.port) }
            for connection in connections {
                connection.resetAtClose()
                connection.send(head("Content-Length: \(body.count)", [wrongSignature]))
                if connection.send(body) { whole += 1 }
            }
            try await stage.until("all is read") { try unread(at: stage.port) == 0 }
        }
        let took = start.duration(to: .now)
        let grown = try memory.peak - before
        print(
            "strangers: 400 bodies of 1 MiB and a reset after each, \(state): \(whole) sent in "
                + "\(took), \(before >> 20) MiB and \(grown >> 20) more"
        )
        #expect(grown < 40 << 20)
        if hasKey { #expect(try await stage.post(stage.payload("run-then")).status == 200) }
    }

    @Test(
        "while 400 answers last longer than their connections, a new one is closed at once",
        .unsanitized
    )
    func abandoned() async throws {
        try raiseFileLimit()
        let stage = try await ServerStage(service: "abandoned")
        try await stage.tellPeer("hold")
        let body = stage.payload("run-1")
        let call = head("Content-Length: \(body.count)", [signature(body)])
        // Every connection that there may be, and 400 before them.
        for count in [400, 800] {
            let connections = try (0..<count).map { _ in try RawConnection(port: stage.port) }
            for connection in connections {
                connection.resetAtClose()
                connection.send(Array(call.utf8) + body)
            }
            try await stage.until("all is read") { try unread(at: stage.port) == 0 }
        }
        try await stage.until("nobody gets in") {
            try await RawConnection(port: stage.port).untilClosed().took < .seconds(5)
        }
        try await stage.tellPeer("release")
        try await stage.until("a call gets in") {
            (try? await stage.post(stage.payload("run-then")).status) == 200
        }
    }

    @Test("strangers who take every connection are sent away after a second, and a call gets in")
    func everyConnection() async throws {
        try raiseFileLimit()
        let stage = try await ServerStage(service: "every-connection")
        let connections = try (0..<1_200).map { _ in try RawConnection(port: stage.port) }
        for connection in connections { connection.send("POST / HTTP/1.1\r\n") }
        let start = ContinuousClock.now
        #expect(try await stage.post(stage.payload("run-1")).status == 200)
        #expect(start.duration(to: .now) < .seconds(8))
        #expect(connections.count == 1_200)
    }

    @Test("300 strangers at once have room for 16 KiB each")
    func share() async throws {
        try raiseFileLimit()
        let stage = try await ServerStage(service: "share")
        let body = [UInt8](repeating: 0x20, count: 16 << 10)
        let connections = try (0..<300).map { _ in try RawConnection(port: stage.port) }
        for connection in connections {
            connection.send(head("Content-Length: \(body.count)", [wrongSignature]))
            connection.send(Array(body.dropLast()))
        }
        for connection in connections { connection.send([0x20]) }
        for connection in connections { #expect(await connection.status() == 401) }
    }

    @Test(
        "what can be no signature is 401 before any of the body has come, and then closed",
        arguments: [
            [], ["X-TFC-Task-Signature: "], ["X-TFC-Task-Signature: 00"],
            [wrongSignature, wrongSignature], [wrongSignature + "0"],
            ["X-TFE-Notification-Signature: "],
            [wrongSignature, wrongSignature.replacing("X-TFC-Task", with: "X-TFE-Notification")],
        ] as [[String]]
    )
    func beforeTheBody(_ lines: [String]) async throws {
        let stage = try await shared.stage
        let connection = try RawConnection(port: stage.port)
        connection.send(head("Content-Length: 1000", lines))
        let (text, took) = await connection.untilClosed()
        #expect(text.hasPrefix("HTTP/1.1 401"))
        #expect(text.lowercased().contains("connection: close"))
        #expect(took < .seconds(8))
    }

    @Test("a stranger who sends the whole body reads the answer, and then the connection ends")
    func politely() async throws {
        let stage = try await shared.stage
        let connection = try RawConnection(port: stage.port)
        let body = [UInt8](repeating: 0x20, count: 32 << 10)
        connection.send(head("Content-Length: \(body.count)", []))
        connection.send(body)
        let text = await connection.untilClosed().text
        #expect(text.hasPrefix("HTTP/1.1 401"))
        #expect(text.hasSuffix("not that of the HMAC key."))
    }

    @Test("a wrong signature keeps no connection, a right one does")
    func keepsNone() async throws {
        let stage = try await shared.stage
        let wrong = try RawConnection(port: stage.port)
        wrong.send(head("Content-Length: 2", [wrongSignature]) + "{}")
        let text = await wrong.untilClosed().text
        #expect(text.hasPrefix("HTTP/1.1 401"))
        let notification = try RawConnection(port: stage.port)
        let line = wrongSignature.replacing("X-TFC-Task", with: "X-TFE-Notification")
        notification.send(head("Content-Length: 2", [line]) + "{}")
        #expect(await notification.untilClosed().text.hasPrefix("HTTP/1.1 401"))
        let right = try RawConnection(port: stage.port)
        for _ in 0..<3 {
            right.send(head("Content-Length: 2", [signature(Array("{}".utf8))]) + "{}")
            #expect(await right.status() == 200)
        }
    }

    @Test("the health check is answered whatever body it has, and keeps no connection")
    func healthCheck() async throws {
        let stage = try await shared.stage
        let connection = try RawConnection(port: stage.port)
        connection.send("GET /healthz?x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n ")
        let (text, took) = await connection.untilClosed()
        #expect(text.hasPrefix("HTTP/1.1 200"))
        #expect(took < .seconds(8))
    }

    @Test("requests sent without waiting for the answer get one answer and a closed connection")
    func pipelined() async throws {
        let stage = try await shared.stage
        let connection = try RawConnection(port: stage.port)
        let one = head("Content-Length: 2", [signature(Array("{}".utf8))]) + "{}"
        connection.send(String(repeating: one, count: 20))
        let text = await connection.untilClosed().text
        #expect(text.split(separator: "HTTP/1.1").count == 1)
        #expect(text.hasPrefix("HTTP/1.1 200"))
    }

    @Test("a head of more than 8 KiB is 400")
    func largeHead() async throws {
        let stage = try await shared.stage
        let connection = try RawConnection(port: stage.port)
        let line = "X-Filler: " + String(repeating: "x", count: 1_000)
        connection.send(head("Content-Length: 2", Array(repeating: line, count: 9)) + "{}")
        #expect(await connection.status() == 400)
    }

    @Test("405 and 413 are logged as a wrong signature is, each a few times a minute")
    func logged() async throws {
        let stage = try await ServerStage(service: "logged")
        for _ in 0..<20 {
            #expect(try await stage.send(.get, "/") == 405)
            let connection = try RawConnection(port: stage.port)
            connection.send(head("Content-Length: 2000000", [wrongSignature]))
            #expect(await connection.status() == 413)
            #expect(try await stage.post([0x20], signature: "00").status == 401)
        }
        let lines = stage.logged.split(separator: "\n").filter { $0.contains("refused a request") }
        for status in [405, 413, 401] {
            #expect(lines.count { $0.contains(#""status":"\#(status)""#) } == 5)
        }
    }
}

@Suite("scale-up-server, keys and tokens in parameters")
struct ParameterTests {
    private let http: CurlClient

    init() throws { http = try CurlClient() }

    private func put(_ name: String, _ value: String) async throws {
        try await Self.put(name, value, over: http)
    }

    static func put(_ name: String, _ value: String, over http: CurlClient) async throws {
        let text = String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
        try await Moto.call(
            "ssm",
            "AmazonSSM.PutParameter",
            #"{"Name":"\#(name)","Value":\#(text),"Type":"SecureString","Overwrite":true}"#,
            over: http
        )
    }

    @Test("a call signed with a key that reached the parameter just now is accepted amid noise")
    func newKey() async throws {
        defer { http.stop() }
        let name = "/server/new-key"
        try await put(name, "the-key")
        let stage = try await ServerStage(
            service: "new-key",
            ["RUN_TASK_HMAC_KEY": "", "RUN_TASK_HMAC_KEY_PARAMETER": name]
        )
        #expect(try await stage.post(stage.payload("run-1")).status == 200)
        let noise = Task {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        while !Task.isCancelled {
                            let wrong = String(repeating: "0", count: 128)
                            _ = try? await stage.post([0x20], signature: wrong)
                        }
                    }
                }
            }
        }
        for key in ["a new key", "a newer key"] {
            try await put(name, key)
            let start = ContinuousClock.now
            let body = stage.payload("run-2")
            let signature = RunTaskKey(key).sign(body)
            #expect(try await stage.post(body, signature: signature).status == 200)
            #expect(start.duration(to: .now) < .seconds(8))
        }
        noise.cancel()
        await noise.value
    }

    @Test("a key with a newline after it is accepted without, and an error names the parameter")
    func newline() async throws {
        defer { http.stop() }
        try await put("/server/newline", "the-key\n")
        let stage = try await ServerStage(
            service: "newline",
            ["RUN_TASK_HMAC_KEY": "", "RUN_TASK_HMAC_KEY_PARAMETER": "/server/newline"]
        )
        #expect(try await stage.post(stage.payload("run-1")).status == 200)
        let errors = stage.logged.split(separator: "\n").filter { $0.contains(#""error""#) }
        #expect(errors.count == 1)
        #expect(errors.first?.contains("/server/newline holds white space") == true)
        #expect(!stage.logged.contains("the-key"))
    }

    @Test("with a token in a parameter the sweep announces runs that no webhook did")
    func token() async throws {
        defer { http.stop() }
        try await put("/server/token", "the-token")
        let stage = try await ServerStage(
            service: "token",
            [
                "TFE_TOKEN_PARAMETER": "/server/token", "TFC_ORGANIZATION": "acme",
                "TFC_AGENT_POOL_NAME": "pool",
            ],
            runs: #"[{"id":"run-lost","type":"runs","attributes":{"status":"plan_queued"}}]"#
        )
        try await stage.until("the run is announced") {
            try await stage.ledger().jobs.keys.contains { $0.key == "run-lost/plan" }
        }
    }
}
