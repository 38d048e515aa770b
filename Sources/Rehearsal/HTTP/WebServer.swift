import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// A request as the stand-ins see it: values only, so that every answer can be tested without a
/// socket.
struct WebRequest: Sendable {
    var method: String
    /// Path without the query, as received.
    var path: String
    /// Raw query without the question mark; empty for none.
    var query: String
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]

    init(
        _ method: String,
        _ path: String,
        query: String = "",
        headers: [String: String] = [:],
        body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The token of an `Authorization: Bearer` header.
    var bearer: String? {
        guard let value = headers["authorization"], value.hasPrefix("Bearer ") else { return nil }
        return String(value.dropFirst("Bearer ".count))
    }
}

struct WebResponse: Sendable, Equatable {
    var status: Int
    var contentType = "application/json"
    /// Those besides the content's own.
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// The caller gets no answer: its connection ends.
    private(set) var closesConnection = false

    static let connectionClosed: WebResponse = {
        var response = WebResponse(0)
        response.closesConnection = true
        return response
    }()

    init(_ status: Int, _ json: JSON, contentType: String = "application/json") {
        self.status = status
        self.contentType = contentType
        self.body = Array(json.text.utf8)
    }

    init(_ status: Int, text: String = "") {
        self.status = status
        self.contentType = "text/plain"
        self.body = Array(text.utf8)
    }

    var json: JSON? { JSON(parsing: body) }
}

/// The one loopback server in front of all stand-ins.
struct WebServer: Sendable {
    /// Bodies above this are refused: DynamoDB's largest item is 400 KB, everything else is smaller.
    static let largestBody = 1 << 20

    let answer: @Sendable (WebRequest) async -> WebResponse

    /// Serves on a free port of 127.0.0.1 until the task is cancelled; `listening` gets the port.
    func run(listening: @escaping @Sendable (Int) -> Void) async throws {
        var logger = Logger(label: "rehearsal")
        logger.logLevel = .critical
        let application = Application(
            responder: Responder(answer: answer),
            configuration: .init(
                address: .hostname("127.0.0.1", port: 0),
                serverName: "rehearsal"
            ),
            onServerRunning: { channel in listening(channel.localAddress?.port ?? 0) },
            logger: logger
        )
        try await application.run()
    }

    private struct Responder: HTTPResponder {
        typealias Context = ConnectionContext
        let answer: @Sendable (WebRequest) async -> WebResponse

        func respond(to request: Request, context: ConnectionContext) async throws -> Response {
            let body = try await request.body.collect(upTo: WebServer.largestBody)
            var headers: [String: String] = [:]
            for field in request.headers {
                headers[field.name.canonicalName] = field.value
            }
            headers["host"] = request.head.authority
            let reply = await answer(
                WebRequest(
                    request.method.rawValue,
                    request.uri.path,
                    query: request.uri.query ?? "",
                    headers: headers,
                    body: Array(body.readableBytesView)
                )
            )
            if reply.closesConnection {
                try? await context.channel.close()
                throw CancellationError()
            }
            var fields: HTTPFields = [.contentType: reply.contentType]
            for (name, value) in reply.headers {
                if let name = HTTPField.Name(name) { fields[name] = value }
            }
            return Response(
                status: .init(code: reply.status),
                headers: fields,
                body: .init(byteBuffer: ByteBuffer(bytes: reply.body))
            )
        }
    }
}

/// Knows the connection, so that it can be ended without an answer.
private struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: Source) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}
