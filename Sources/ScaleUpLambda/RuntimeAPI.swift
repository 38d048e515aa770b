import Curl
import Decisions
import FoundationEssentials

/// Lambda's Runtime API (Lambda developer guide, "Using the Lambda runtime API"), of which this
/// process is the client: it fetches its work and posts the answers.
struct RuntimeAPI: Sendable {
    private let base: String
    private let http: any HTTPClient

    /// Lambda's limit for a request is 6 MB; the rest is for what the event says besides.
    static let maximumEventBytes = 8 << 20
    /// The API is on this host.
    static let postDeadline: Duration = .seconds(5)

    /// - Parameter address: host and port, as `AWS_LAMBDA_RUNTIME_API` has them.
    init(address: String, http: any HTTPClient) {
        base = "http://\(address)/2018-06-01/runtime"
        self.http = http
    }

    /// Waits for work without a deadline: Lambda may freeze the process for hours meanwhile.
    func next() async throws(RuntimeFailure) -> Invocation {
        let request = HTTPRequest(
            .get,
            base + "/invocation/next",
            deadline: nil,
            maximumResponseBytes: Self.maximumEventBytes
        )
        let response = try await send(request, "next")
        guard let invocation = Invocation(response) else { throw .noRequestID }
        return invocation
    }

    func answer(_ invocation: Invocation, _ body: String) async throws(RuntimeFailure) {
        try await post(
            "/invocation/\(invocation.requestID)/response",
            invocation.echo,
            body,
            "response"
        )
    }

    func fail(_ invocation: Invocation, _ error: FunctionError) async throws(RuntimeFailure) {
        try await post(
            "/invocation/\(invocation.requestID)/error",
            invocation.echo + error.headers,
            error.body,
            "error"
        )
    }

    /// Says that the function cannot start; the process ends afterwards.
    func failInit(_ error: FunctionError) async throws(RuntimeFailure) {
        try await post("/init/error", error.headers, error.body, "init error")
    }

    private func post(
        _ path: String,
        _ headers: [(name: String, value: String)],
        _ body: String,
        _ call: String
    ) async throws(RuntimeFailure) {
        let request = HTTPRequest(
            .post,
            base + path,
            headers: headers + [("Content-Type", "application/json")],
            body: Array(body.utf8),
            deadline: Self.postDeadline
        )
        _ = try await send(request, call)
    }

    private func send(_ request: HTTPRequest, _ call: String) async throws(RuntimeFailure)
        -> HTTPResponse
    {
        let response: HTTPResponse
        do {
            response = try await http.send(request)
        } catch {
            throw .unreachable(call: call, error)
        }
        guard (200..<300).contains(response.status) else {
            throw .refused(call: call, status: response.status)
        }
        return response
    }
}

/// One piece of work.
struct Invocation: Sendable {
    let requestID: String
    /// One request may be tried several times; this tells the tries apart.
    let invocationID: String?
    /// Lambda ends the process at this moment.
    let deadline: WallTime?
    let event: [UInt8]

    init(requestID: String, invocationID: String?, deadline: WallTime?, event: [UInt8]) {
        self.requestID = requestID
        self.invocationID = invocationID
        self.deadline = deadline
        self.event = event
    }

    /// - Returns: nil without a request id that can stand in a path: nothing could be answered.
    init?(_ response: HTTPResponse) {
        guard let id = response.headers["Lambda-Runtime-Aws-Request-Id"], !id.isEmpty,
            id.utf8.count <= Self.longestID, id.utf8.allSatisfy(Self.isIDByte)
        else { return nil }
        let deadline = response.headers["Lambda-Runtime-Deadline-Ms"].flatMap { Int($0) }
        self.init(
            requestID: id,
            invocationID: response.headers[Self.invocationIDHeader],
            deadline: deadline.map(WallTime.init(milliseconds:)),
            event: response.body
        )
    }

    /// Without it the API accepts an answer as well; a wrong one it refuses.
    var echo: [(name: String, value: String)] {
        invocationID.map { [(Self.invocationIDHeader, $0)] } ?? []
    }

    private static let invocationIDHeader = "Lambda-Runtime-Invocation-Id"
    /// A UUID has 36 characters.
    private static let longestID = 128

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// Why a call of the Runtime API came to nothing.
enum RuntimeFailure: Error, Hashable, CustomStringConvertible {
    case unreachable(call: String, HTTPFailure)
    case refused(call: String, status: Int)
    /// Work without a usable request id.
    case noRequestID

    var description: String {
        switch self {
        case .unreachable(let call, let failure): "Runtime API, \(call): \(failure)"
        case .refused(let call, let status): "Runtime API, \(call): status \(status)"
        case .noRequestID: "Runtime API, next: no usable Lambda-Runtime-Aws-Request-Id"
        }
    }

    /// 500 is the API's "container error": the runtime must exit promptly.
    var isContainerError: Bool {
        if case .refused(_, 500) = self { true } else { false }
    }

    var isCancelled: Bool {
        if case .unreachable(_, let failure) = self { failure.kind == .cancelled } else { false }
    }
}
