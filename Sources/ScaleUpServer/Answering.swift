import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ScaleUp

/// A request with its connection, which is cut when the other side does not keep to its time.
struct ConnectionContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// Everything but POST and the health check is 405, where the router would say 404.
struct OtherMethods<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if request.method == .post || request.uri.path == "/healthz" {
            return try await next(request, context)
        }
        return Response(status: .methodNotAllowed, headers: [.allow: "POST"])
    }
}

/// Bounds that keep one slow or faulty client from holding what all of them need.
enum Patience {
    /// For the first request's line and headers on a new connection.
    static let head: TimeAmount = .seconds(10)
    /// For a whole body. A run task call is 2 KB.
    static let body: Duration = .seconds(10)
    /// For a client that still sends after its answer.
    static let afterRefusal: TimeAmount = .seconds(2)
    /// Between two requests of a connection, and for the head of the later ones. Longer than the
    /// 60 s after which a load balancer closes: whoever closes first must be the one that sends,
    /// or requests are lost on the way (Application Load Balancer, "Connection idle timeout").
    static let idle: TimeAmount = .seconds(75)
    /// Below the 1,024 open files that a process may have by default, with room for ours.
    static let connections = 800
}

func answer(
    _ request: Request,
    _ context: ConnectionContext,
    _ endpoint: Endpoint
) async -> Response {
    let body: [UInt8]
    do {
        body = try await read(request.body)
    } catch is NIOTooManyBytesError {
        return refuse(EndpointResponse(413, "The body is larger than 1 MiB."), context)
    } catch is TooSlow {
        return refuse(EndpointResponse(408, "The body took more than 10 s."), context)
    } catch {
        return refuse(EndpointResponse(400, "The body did not arrive."), context)
    }
    let headers = request.headers.map { (name: $0.name.rawName, value: $0.value) }
    return response(
        await endpoint.respond(
            to: EndpointRequest(method: request.method.rawValue, headers: headers, body: body)
        )
    )
}

private struct TooSlow: Error {}

/// Stops reading at the limit, whatever length the request claims, and at the deadline, however
/// steadily bytes drip in.
private func read(_ body: RequestBody) async throws -> [UInt8] {
    try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
        group.addTask { try await body.collect(upTo: Verdict.maximumBodyBytes) }
        group.addTask {
            try await Task.sleep(for: Patience.body)
            throw TooSlow()
        }
        defer { group.cancelAll() }
        guard let buffer = try await group.next() else { throw TooSlow() }
        return Array(buffer: buffer)
    }
}

/// An answer to a request that has not been read to its end. A client that goes on sending it
/// would keep the connection, and a stop of the server, waiting.
private func refuse(_ answer: EndpointResponse, _ context: ConnectionContext) -> Response {
    let channel = context.channel
    channel.eventLoop.scheduleTask(in: Patience.afterRefusal) { channel.close(promise: nil) }
    var response = response(answer)
    response.headers[.connection] = "close"
    return response
}

private func response(_ answer: EndpointResponse) -> Response {
    Response(
        status: .init(code: answer.status),
        headers: [.contentType: "text/plain; charset=utf-8"],
        body: .init(byteBuffer: ByteBuffer(string: answer.body))
    )
}

/// Closes a connection whose first request does not begin in time.
final class FirstHead: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private var deadline: Scheduled<Void>?

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: Patience.head) {
            channel.close(promise: nil)
        }
    }

    /// The handlers before this one let a head through only when it is complete.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        cancel()
        context.fireChannelRead(data)
    }

    func handlerRemoved(context: ChannelHandlerContext) { cancel() }

    private func cancel() {
        deadline?.cancel()
        deadline = nil
    }
}

/// Calls the sweep every minute until it is cancelled.
func sweepEveryMinute(_ endpoint: Endpoint) async {
    // Several servers, and those of one deployment, do not sweep in step.
    var pause = Duration.milliseconds(Int.random(in: 0..<10_000))
    while (try? await Task.sleep(for: pause)) != nil {
        _ = await endpoint.sweep()
        pause = .seconds(60)
    }
}
