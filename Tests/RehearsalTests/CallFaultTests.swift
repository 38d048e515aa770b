import Curl
import Synchronization
import Rules
import Testing

@testable import Rehearsal

@Suite("Faults of calls")
struct CallFaultTests {
    /// Counts what it performs, and answers with the count.
    private final class Service: Sendable {
        private let performed = Mutex(0)
        var count: Int { performed.withLock { $0 } }

        var perform: @Sendable (WebRequest) async -> WebResponse {
            { _ in
                let number = self.performed.withLock { count in
                    count += 1
                    return count
                }
                return WebResponse(200, text: "\(number)")
            }
        }
    }

    private let putItem = WebRequest(
        "POST",
        "/",
        headers: ["x-amz-target": "DynamoDB_20120810.PutItem"]
    )

    private func journal() -> PlayJournal {
        PlayJournal(
            time: Timebase(),
            paint: Paint(isOn: false),
            directory: "/tmp",
            book: RuleBook()
        )
    }

    private func fault(
        _ call: APICall,
        _ effect: CallEffect,
        nth: Int = 1,
        count: Int = 1
    ) -> FaultPlan.CallFault {
        .init(number: 1, call: call, nth: nth, count: count, effect: effect)
    }

    private func answer(
        _ effect: CallEffect,
        _ request: WebRequest? = nil
    ) async throws -> (WebResponse, performed: Int) {
        let request = request ?? putItem
        let faults = CallFaults(journal())
        faults.arm([fault(try #require(APICall(request)), effect)])
        let service = Service()
        let front = FaultyFront(faults: faults, perform: service.perform, pause: { _ in })
        return (await front.answer(request), service.count)
    }

    @Test("a dropped call has no effect, a lost or silent answer has one, a doubled call two")
    func effects() async throws {
        let dropped = try await answer(.dropped)
        #expect(dropped.0.closesConnection && dropped.performed == 0)
        for effect in [CallEffect.answerLost, .neverAnswered] {
            let lost = try await answer(effect)
            #expect(lost.0.closesConnection && lost.performed == 1)
        }
        let doubled = try await answer(.doubled)
        #expect(doubled.performed == 2)
        #expect(doubled.0 == WebResponse(200, text: "2"))
        let delayed = try await answer(.delayed(500))
        #expect(delayed.performed == 1 && delayed.0.status == 200)
    }

    @Test("refusals say what the real service says, and do nothing")
    func refusals() async throws {
        let throttled = try await answer(.throttled(.throughput))
        #expect(throttled.performed == 0 && throttled.0.status == 400)
        #expect(
            throttled.0.json?["__type"]?.string?
                .hasSuffix("#ProvisionedThroughputExceededException") == true
        )
        let protection = WebRequest("PUT", "/api/x/task-protection/v1/state")
        let plain = try await answer(.throttled(.plainText), protection)
        #expect(plain.0.status == 429 && plain.0.json == nil)
        let error = try await answer(.throttled(.exception), protection)
        #expect(error.0.json?["error"]?["Code"] == "ThrottlingException")
        let refused = try await answer(.refused, protection)
        #expect(refused.0.status == 200 && refused.performed == 0)
        #expect(refused.0.json?["failure"]?["Reason"] == "TASK_NOT_VALID")
        let runs = try await answer(.throttled(.rateLimit), WebRequest("GET", "/api/v2/runs/r"))
        #expect(runs.0.status == 429)
        #expect(runs.0.headers["x-ratelimit-reset"].flatMap(Double.init) == 1)
        #expect(try await answer(.failed).0.status == 500)
    }

    @Test(
        "a write beside another one is refused and does nothing, a transaction is cancelled for it"
    )
    func conflicts() async throws {
        let one = try await answer(.conflicted)
        #expect(one.performed == 0 && one.0.status == 400)
        #expect(one.0.json?["__type"]?.string?.hasSuffix("#TransactionConflictException") == true)
        let (both, performed) = try await answer(.conflicted, transaction)
        #expect(performed == 0)
        #expect(
            both.json?["CancellationReasons"]?.array?.map { $0["Code"] }
                == ["TransactionConflict", "None"]
        )
        let (throttled, _) = try await answer(.throttled(.throughput), transaction)
        #expect(
            throttled.json?["CancellationReasons"]?.array?.first?["Code"]
                == "ProvisionedThroughputExceeded"
        )
    }

    private let transaction: WebRequest = {
        var request = WebRequest(
            "POST",
            "/",
            headers: ["x-amz-target": "DynamoDB_20120810.TransactWriteItems"]
        )
        request.body = Array(#"{"TransactItems":[{"Put":{}},{"Delete":{}}]}"#.utf8)
        return request
    }()

    @Test("a redirect and a page do nothing, half an answer comes after its effect")
    func strangeAnswers() async throws {
        let redirect = try await answer(.redirected)
        #expect(redirect.performed == 0 && redirect.0.status == 302)
        #expect(redirect.0.headers["location"] == "/elsewhere")
        let page = try await answer(.page)
        #expect(page.performed == 0 && page.0.status == 200 && page.0.json == nil)
        #expect(page.0.contentType == "text/html")
        let faults = CallFaults(journal())
        faults.arm([fault(.putItem, .cutShort)])
        let front = FaultyFront(
            faults: faults,
            perform: { _ in WebResponse(200, ["a": "some text"]) },
            pause: { _ in }
        )
        let half = await front.answer(putItem)
        #expect(half.status == 200 && !half.body.isEmpty && half.json == nil)
    }

    @Test("a fault meets the nth call of its kind and the ones after it, and no other kind")
    func counting() async {
        let faults = CallFaults(journal())
        #expect(faults.next(.putItem) == nil)
        faults.arm([fault(.putItem, .dropped, nth: 2, count: 2), fault(.getItem, .failed, nth: 9)])
        let met = (1...4).map { _ in faults.next(.putItem) }
        #expect(met == [nil, .dropped, .dropped, nil])
        #expect(faults.next(.getItem) == nil)
    }

    @Test("faults whose call never came are named, and after that nothing happens any more")
    func disarmed() {
        let faults = CallFaults(journal())
        var late = fault(.getItem, .failed, nth: 3)
        late.number = 2
        faults.arm([fault(.putItem, .dropped, count: 5), late])
        #expect(faults.next(.putItem) == .dropped)
        #expect(faults.disarm() == [2])
        #expect(faults.next(.putItem) == nil)
    }

    @Test(
        "each call is known by its request",
        arguments: [
            ("/v2/credentials/x", APICall.credentials), ("/v4/x/task", .metadata),
            ("/api/x/task-protection/v1/state", .protection),
            ("/api/v2/task-results/x/callback", .callback), ("/api/v2/agents/x", .terraformAPI),
        ]
    )
    func paths(path: String, call: APICall) {
        #expect(APICall(WebRequest("GET", path)) == call)
    }

    @Test("AWS calls go by their operation, and the agents' own protocol is let alone")
    func operations() {
        func target(_ name: String) -> APICall? {
            APICall(WebRequest("POST", "/", headers: ["x-amz-target": "Service_1.\(name)"]))
        }
        #expect(target("UpdateService") == .updateService)
        #expect(target("Query") == .query)
        #expect(target("GetItem") == .getItem)
        #expect(target("BatchGetItem") == .getItem)
        #expect(target("PutItem") == .putItem)
        #expect(target("UpdateItem") == .updateItem)
        #expect(target("DeleteItem") == .deleteItem)
        #expect(target("TransactWriteItems") == .transaction)
        #expect(APICall(WebRequest("POST", "/api/agent/status")) == nil)
    }

    @Test("a closed connection reaches the caller as a call that may have taken effect")
    func overTheWire() async throws {
        let faults = CallFaults(journal())
        faults.arm([fault(.putItem, .answerLost)])
        let service = Service()
        let front = FaultyFront(faults: faults, perform: service.perform)
        let (ports, port) = AsyncStream<Int>.makeStream()
        let client = try CurlClient()
        defer { client.stop() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await WebServer(answer: { await front.answer($0) }).run { port.yield($0) }
            }
            var iterator = ports.makeAsyncIterator()
            let bound = try #require(await iterator.next())
            let request = HTTPRequest(
                .post,
                "http://127.0.0.1:\(bound)/",
                headers: [("X-Amz-Target", "DynamoDB_20120810.PutItem")],
                body: [1]
            )
            let failure = await #expect(throws: HTTPFailure.self) {
                try await client.send(request)
            }
            #expect(failure?.mayHaveTakenEffect == true)
            #expect(service.count == 1)
            // The next one meets no fault, on a new connection.
            #expect(try await client.send(request).body == Array("2".utf8))
        }
    }

    @Test("a doubled run task call reaches the endpoint twice, a dropped one never")
    func runTasks() async throws {
        let faults = CallFaults(journal())
        faults.arm([fault(.runTask, .doubled), fault(.runTask, .dropped, nth: 2)])
        let endpoint = CountingClient()
        let client = FaultyClient(faults: faults, client: endpoint)
        #expect(try await client.send(HTTPRequest(.post, "http://h/")).status == 200)
        #expect(endpoint.count == 2)
        let failure = await #expect(throws: HTTPFailure.self) {
            try await client.send(HTTPRequest(.post, "http://h/"))
        }
        #expect(failure?.mayHaveTakenEffect == false)
        #expect(endpoint.count == 2)
    }

    private final class CountingClient: HTTPClient {
        private let sent = Mutex(0)
        var count: Int { sent.withLock { $0 } }

        func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
            sent.withLock { $0 += 1 }
            return HTTPResponse(status: 200)
        }
    }
}
