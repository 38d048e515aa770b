import FoundationEssentials
import Model
import Seeded

/// Lambda for one function with one instance: serves the Runtime API to the function, and its
/// function URL to everyone else. Events wait in a queue while the instance works or is started
/// again.
actor LambdaStandIn {
    /// The function's timeout. Longer than the endpoint's own budget, so that a 503 gets out.
    static let timeoutMilliseconds = 10_000
    /// The real schedule's minute, scaled like the other times of a rehearsal.
    static let sweepMilliseconds = 3_000
    static let tick: Duration = .milliseconds(100)

    private static let api = "/2018-06-01/runtime"
    private static let name = "scale-up-lambda"

    private struct Invocation {
        let id: String
        let attempt: String
        let event: JSON
        let continuation: CheckedContinuation<WebResponse, Never>
    }

    /// True once the function has asked for work: it started, and its settings are right.
    private(set) var hasStarted = false
    private let time: Timebase
    private let journal: PlayJournal
    private var random: SeededRandom
    private var queue: [Invocation] = []
    private var current: (invocation: Invocation, deadline: Milliseconds)?
    /// The function's open request for work.
    private var poll: CheckedContinuation<WebResponse, Never>?
    private var isClosed = false

    init(time: Timebase, journal: PlayJournal, random: SeededRandom) {
        self.time = time
        self.journal = journal
        self.random = random
    }

    // MARK: - Requests

    func answer(_ request: WebRequest) async -> WebResponse {
        guard request.path.hasPrefix(Self.api + "/") else { return await invoke(with: request) }
        let path = request.path.dropFirst(Self.api.count + 1).split(separator: "/")
        switch (request.method, path.first, path.last) {
        case ("GET", "invocation", "next"): return await next()
        case ("POST", "invocation", "response") where path.count == 3:
            return finish(String(path[1]), request, FunctionURL.response(for: request.body))
        case ("POST", "invocation", "error") where path.count == 3:
            note("an invocation failed: \(Self.message(in: request))")
            return finish(String(path[1]), request, FunctionURL.failure)
        case ("POST", "init", "error"):
            note("the function could not start: \(Self.message(in: request))")
            return WebResponse(202, ["status": "OK"])
        default: return Self.refusal(404, "NotFound")
        }
    }

    private func invoke(with request: WebRequest) async -> WebResponse {
        let id = uuid()
        let event = FunctionURL.event(
            for: request,
            base64: random.next() % 2 == 0,
            requestID: id,
            epochMilliseconds: epoch(time.now)
        )
        return await invoke(event, id)
    }

    private func invoke(_ event: JSON, _ id: String) async -> WebResponse {
        await withCheckedContinuation { continuation in
            let invocation = Invocation(
                id: id,
                attempt: uuid(),
                event: event,
                continuation: continuation
            )
            guard !isClosed else { return continuation.resume(returning: FunctionURL.failure) }
            queue.append(invocation)
            handOver()
        }
    }

    private func next() async -> WebResponse {
        hasStarted = true
        return await withCheckedContinuation { continuation in
            poll?.resume(returning: Self.refusal(500, "ContainerError"))
            poll = continuation
            if isClosed { functionEnded() }
            handOver()
        }
    }

    private func handOver() {
        guard current == nil, !queue.isEmpty, let poll else { return }
        self.poll = nil
        let invocation = queue.removeFirst()
        let deadline = time.now + Self.timeoutMilliseconds
        current = (invocation, deadline)
        var response = WebResponse(200, invocation.event)
        response.headers = [
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Invocation-Id": invocation.attempt,
            "Lambda-Runtime-Deadline-Ms": "\(epoch(deadline))",
            "Lambda-Runtime-Invoked-Function-Arn":
                "arn:aws:lambda:eu-central-1:123456789012:function:\(Self.name)",
        ]
        poll.resume(returning: response)
    }

    private func finish(_ id: String, _ request: WebRequest, _ outcome: WebResponse)
        -> WebResponse
    {
        guard let (invocation, _) = current, invocation.id == id else {
            return Self.refusal(400, "InvalidRequestID")
        }
        let echo = request.headers["lambda-runtime-invocation-id"]
        guard echo == nil || echo == invocation.attempt else {
            return Self.refusal(400, "InvalidInvocationId")
        }
        current = nil
        invocation.continuation.resume(returning: outcome)
        return WebResponse(202, ["status": "OK"])
    }

    // MARK: - The instance

    /// Sends the schedule's events and ends an instance that exceeds its time, until cancelled.
    func run(_ endpoint: EndpointProcess) async {
        var sweepAt = time.now + Self.sweepMilliseconds
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.tick)
            if let current, time.now > current.deadline {
                note("an invocation timed out after \(Self.timeoutMilliseconds / 1000) s")
                // The rest follows from its end.
                self.current?.deadline = .max
                endpoint.kill()
            }
            if time.now >= sweepAt {
                sweepAt += Self.sweepMilliseconds
                Task { _ = await self.invoke(FunctionURL.scheduledEvent, self.uuid()) }
            }
        }
    }

    /// Its process is gone: what it worked on has failed, and whatever waits is for the next one.
    func functionEnded() {
        poll?.resume(returning: Self.refusal(500, "ContainerError"))
        poll = nil
        current?.invocation.continuation.resume(returning: FunctionURL.failure)
        current = nil
    }

    /// Lets everyone who waits go.
    func close() {
        isClosed = true
        functionEnded()
        for invocation in queue { invocation.continuation.resume(returning: FunctionURL.failure) }
        queue = []
    }

    // MARK: - Details

    private func note(_ text: String) { journal.record(.note("\(Self.name): \(text)")) }

    private func epoch(_ instant: Milliseconds) -> Int {
        Int(time.date(instant).timeIntervalSince1970 * 1000)
    }

    private func uuid() -> String {
        [8, 4, 4, 4, 12].map { random.hex($0) }.joined(separator: "-")
    }

    private static func message(in request: WebRequest) -> String {
        JSON(parsing: request.body)?["errorMessage"]?.string ?? "no message"
    }

    private static func refusal(_ status: Int, _ type: String) -> WebResponse {
        WebResponse(status, ["errorMessage": .string(type), "errorType": .string(type)])
    }
}
