import Curl
import Daemon
import Decisions
import ScaleUp
import Synchronization
import Testing

@testable import ScaleUpLambda

private let now = WallTime(milliseconds: 1_000_000)
private let get =
    #"{"version":"2.0","headers":{},"requestContext":{"http":{"method":"GET"}}}"#
private let schedule = #"{"source":"aws.scheduler"}"#

private func loop(
    _ api: FakeRuntimeAPI,
    respond: @escaping @Sendable (EndpointRequest) async -> EndpointResponse = { _ in
        EndpointResponse(200, "fine")
    },
    sweep: @escaping @Sendable () async -> EndpointResponse = { EndpointResponse(200, "swept") },
    ask: @escaping @Sendable (Question) async -> String = { _ in "{}" }
) -> RuntimeLoop {
    RuntimeLoop(
        api: RuntimeAPI(address: "127.0.0.1:9001", http: api),
        respond: respond,
        sweep: sweep,
        ask: ask,
        now: { now },
        log: ProgramLog { _ in }
    )
}

/// Runs the loop until so many answers are posted, then stops it.
private func run(_ loop: RuntimeLoop, _ api: FakeRuntimeAPI, until count: Int) async -> Int32 {
    let running = Task { await loop.run() }
    await api.posted(count)
    running.cancel()
    return await running.value
}

private func never() async -> EndpointResponse {
    while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
    return EndpointResponse(200, "too late")
}

@Suite("Runtime loop")
struct RuntimeLoopTests {
    @Test("each request is answered under its own id, and a stop ends the loop with 0")
    func answers() async {
        let api = FakeRuntimeAPI([
            FakeRuntimeAPI.work(get, id: "a-1"), FakeRuntimeAPI.work(get, id: "b-2"),
        ])
        #expect(await run(loop(api), api, until: 2) == 0)
        #expect(api.posts.map(\.path) == ["/invocation/a-1/response", "/invocation/b-2/response"])
        #expect(api.posts[0].body.hasPrefix(#"{"statusCode":200,"#))
    }

    @Test("the invocation id is echoed on answers and errors when there is one, and never made up")
    func invocationID() async {
        let header = (name: "Lambda-Runtime-Invocation-Id", value: "try-7")
        let api = FakeRuntimeAPI([
            FakeRuntimeAPI.work(get, [header]), FakeRuntimeAPI.work("{}", [header]),
            FakeRuntimeAPI.work(get),
        ])
        _ = await run(loop(api), api, until: 3)
        #expect(api.posts.map { $0.headers[header.name] } == ["try-7", "try-7", nil])
        #expect(api.posts.map { $0.path.hasSuffix("/error") } == [false, true, false])
    }

    @Test("an event of no known shape is an error that names what was expected")
    func unknownEvent() async {
        let api = FakeRuntimeAPI([FakeRuntimeAPI.work(#"{"hello":"s3cret"}"#)])
        _ = await run(loop(api), api, until: 1)
        #expect(api.posts[0].path == "/invocation/request-1/error")
        #expect(api.posts[0].headers["Lambda-Runtime-Function-Error-Type"] == "Event.Unknown")
        #expect(api.posts[0].body.contains("expected a function URL event"))
        #expect(!api.posts[0].body.contains("s3cret"))
    }

    @Test("a schedule's event sweeps, and a sweep that failed is a failed invocation")
    func sweeps() async {
        for (status, path) in [(200, "response"), (503, "error")] {
            let api = FakeRuntimeAPI([FakeRuntimeAPI.work(schedule)])
            let loop = loop(
                api,
                respond: { _ in preconditionFailure("nobody called") },
                sweep: { EndpointResponse(status, "as it went") }
            )
            _ = await run(loop, api, until: 1)
            #expect(api.posts[0].path == "/invocation/request-1/" + path)
            #expect(api.posts[0].body.contains("as it went"))
        }
    }

    @Test("an answer that is not ready when Lambda's deadline is near is a 503")
    func deadline() async {
        // 50 ms are left for the work.
        let deadline = now.milliseconds + 50 + 300
        let header = ("Lambda-Runtime-Deadline-Ms", "\(deadline)")
        let api = FakeRuntimeAPI([FakeRuntimeAPI.work(get, [header])])
        _ = await run(loop(api, respond: { _ in await never() }), api, until: 1)
        #expect(api.posts[0].body.hasPrefix(#"{"statusCode":503,"#))
    }

    @Test("nothing is begun after the deadline")
    func late() async {
        let header = ("Lambda-Runtime-Deadline-Ms", "\(now.milliseconds - 1)")
        let api = FakeRuntimeAPI([FakeRuntimeAPI.work(get, [header])])
        let begun = Mutex(false)
        let loop = loop(api) { _ in
            begun.withLock { $0 = true }
            return EndpointResponse(200, "")
        }
        _ = await run(loop, api, until: 1)
        #expect(!begun.withLock { $0 })
        #expect(api.posts[0].body.hasPrefix(#"{"statusCode":503,"#))
    }

    @Test("a stop during the work lets it end and be answered")
    func stopDuringWork() async {
        let api = FakeRuntimeAPI([FakeRuntimeAPI.work(get), FakeRuntimeAPI.work(get)])
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let (allowed, allow) = AsyncStream<Void>.makeStream()
        let loop = loop(api) { _ in
            begin.yield()
            for await _ in allowed { break }
            return EndpointResponse(Task.isCancelled ? 500 : 200, "")
        }
        let running = Task { await loop.run() }
        for await _ in begun { break }
        running.cancel()
        allow.yield()
        #expect(await running.value == 0)
        #expect(api.posts.count == 1)
        #expect(api.posts[0].body.hasPrefix(#"{"statusCode":200,"#))
    }

    @Test("500 of the Runtime API ends the process, from next and from an answer")
    func containerError() async {
        let fromNext = FakeRuntimeAPI([.success(HTTPResponse(status: 500))])
        #expect(await loop(fromNext).run() == 1)
        let fromAnswer = FakeRuntimeAPI(
            [FakeRuntimeAPI.work(get), FakeRuntimeAPI.work(get)],
            statuses: [500]
        )
        #expect(await loop(fromAnswer).run() == 1)
        #expect(fromAnswer.posts.count == 1)
    }

    @Test("an answer that is refused concerns one invocation only", arguments: [400, 403, 413])
    func refusedAnswer(status: Int) async {
        let api = FakeRuntimeAPI(
            [FakeRuntimeAPI.work(get), FakeRuntimeAPI.work(get)],
            statuses: [status]
        )
        #expect(await run(loop(api), api, until: 2) == 0)
    }

    @Test("no work that could be answered ends the process")
    func unusableNext() async {
        let lost = HTTPFailure(.couldNotConnect, mayHaveTakenEffect: false)
        let responses: [Result<HTTPResponse, HTTPFailure>] = [
            .failure(lost), .success(HTTPResponse(status: 200)),
            .success(HTTPResponse(status: 403)), FakeRuntimeAPI.work(get, id: "../init/error"),
            FakeRuntimeAPI.work(get, id: ""),
        ]
        for response in responses {
            let api = FakeRuntimeAPI([response])
            #expect(await loop(api).run() == 1)
            #expect(api.posts.isEmpty)
        }
    }

    @Test("a question is answered as it is, without the form of an HTTP response")
    func question() async {
        let api = FakeRuntimeAPI([FakeRuntimeAPI.work(#"{"ask":"status"}"#)])
        let loop = loop(api, ask: { $0 == .about(.status, .object) ? #"{"size":1}"# : "no" })
        #expect(await run(loop, api, until: 1) == 0)
        #expect(api.posts[0].path == "/invocation/request-1/response")
        #expect(api.posts[0].body == #"{"size":1}"#)
    }

    @Test("a question without an answer in time is an invocation that failed")
    func lateQuestion() async {
        let deadline = (name: "Lambda-Runtime-Deadline-Ms", value: "1000400")
        let api = FakeRuntimeAPI([FakeRuntimeAPI.work(#"{"ask":"status"}"#, [deadline])])
        let loop = loop(api, ask: { _ in await never().body })
        #expect(await run(loop, api, until: 1) == 0)
        #expect(api.posts[0].path == "/invocation/request-1/error")
        #expect(api.posts[0].body.contains("Question.Late"))
    }
}
