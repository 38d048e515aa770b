import HCPTerraform
import NIOCore
import NIOHTTP1
import ScaleUp

/// The first to see what comes over a connection. Lets a request through once it is here as a
/// whole and may be one of HCP Terraform's; answers everything else itself, holds no more of it
/// than ``UnjudgedBytes`` allows, and closes the connection after it.
///
/// What is behind the gate has one request of a connection at a time, and never waits for a
/// stranger.
final class Gate: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase {
        /// For the head of a request.
        case waiting
        /// Its body.
        case collecting
        /// The request has been let through.
        case answering
        /// The last answer is written. What still comes is dropped.
        case leaving
    }

    /// Paths that are not HCP Terraform's: whether the process runs, and how its pools are.
    static let healthCheck = "/healthz"
    static let poolsHealth = "/pools"

    private let endpoint: Endpoint
    private let strangers: Strangers
    /// Nil when there was none: then nothing of the connection is read.
    private let seat: Seat?
    private var phase = Phase.waiting
    private var isStranger = false
    private var deadline: Scheduled<Void>?
    private var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
    private var body = ByteBuffer()
    /// Whether the connection ends with the answer under way.
    private var isLast = false
    private var dropped = 0
    /// Whether whoever is behind the gate asked for more in the meantime.
    private var isReadHeld = false
    /// A stop of the server that came while a request was under way here.
    private var heldStop: ChannelShouldQuiesceEvent?

    init(_ endpoint: Endpoint, _ strangers: Strangers, _ seat: Seat?) {
        self.endpoint = endpoint
        self.strangers = strangers
        self.seat = seat
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) {
        isStranger = true
        strangers.come()
        limit(Bounds.firstHead, context) { context, _ in context.close(promise: nil) }
    }

    func channelActive(context: ChannelHandlerContext) {
        if seat == nil { context.close(promise: nil) }
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { forget() }

    func channelInactive(context: ChannelHandlerContext) {
        forget()
        context.fireChannelInactive()
    }

    private func forget() {
        deadline?.cancel()
        deadline = nil
        // Whoever answers has the body now, and may have it for long.
        if phase != .answering { release() }
        becomeKnown()
    }

    private func becomeKnown() {
        if isStranger { strangers.go() }
        isStranger = false
    }

    private func release() {
        body = ByteBuffer()
        seat?.empty()
    }

    /// Sets the time for the present phase; the one before is over.
    ///
    /// - Parameter action: what is done when it is over, and whether only because strangers are
    ///   many.
    private func limit(
        _ time: TimeAmount,
        _ context: ChannelHandlerContext,
        _ action: @escaping (ChannelHandlerContext, _ isCrowded: Bool) -> Void
    ) {
        limit(until: .now() + time, context, action)
    }

    private func limit(
        until end: NIODeadline,
        _ context: ChannelHandlerContext,
        _ action: @escaping (ChannelHandlerContext, _ isCrowded: Bool) -> Void
    ) {
        deadline?.cancel()
        // An answer under way is owed, also to whoever turns out to be none of ours.
        let isWatched = isStranger && phase != .answering
        let next = isWatched ? min(end, .now() + Bounds.inCrowd) : end
        deadline = context.eventLoop.assumeIsolated().scheduleTask(deadline: next) { [self] in
            if NIODeadline.now() >= end {
                action(context, false)
            } else if strangers.areMany {
                action(context, true)
            } else {
                limit(until: end, context, action)
            }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch (phase, event) {
        case (.collecting, let stop as ChannelShouldQuiesceEvent):
            // Whoever is behind the gate knows nothing of it, and would close.
            heldStop = stop
        case (.collecting, let change as ChannelEvent) where change == .inputClosed:
            refuse(.broken, context)
            context.close(promise: nil)
        case (.leaving, is ChannelShouldQuiesceEvent):
            context.close(promise: nil)
        case (.leaving, let change as ChannelEvent) where change == .inputClosed:
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// What cannot be read as HTTP, or was cut off.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else {
            context.close(promise: nil)
            return
        }
        switch phase {
        case .waiting, .collecting: refuse(.broken, context)
        case .answering: isLast = true
        case .leaving: break
        }
    }

    /// While one request is answered, the next one stays where it is.
    func read(context: ChannelHandlerContext) {
        if phase == .answering {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    private func readOn(_ context: ChannelHandlerContext) {
        guard isReadHeld else { return }
        isReadHeld = false
        context.read()
    }

    // MARK: The request

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), phase) {
        case (.head(let head), .waiting): begin(head, context)
        case (.body(let bytes), .collecting): collect(bytes, context)
        case (.end, .collecting): letThrough(context)
        case (.head, .answering):
            // Sent without waiting for the answer. Whoever does so must be ready to repeat it
            // (RFC 9112, section 9.3.2), and nobody does who calls here.
            isLast = true
        case (.body(let bytes), .leaving):
            dropped += bytes.readableBytes
            if dropped > Bounds.farewellBytes { context.close(promise: nil) }
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        isLast = !head.isKeepAlive
        let path = String(head.uri.prefix { $0 != "?" })
        // A load balancer's checks come from itself, and tell nobody anything.
        let isCheck = head.method == .GET && path == Self.healthCheck
        if !isCheck, let response = refusal(head, context) {
            turnAway(response, context)
            return
        }
        self.head = HTTPRequestHead(
            version: head.version,
            method: head.method,
            uri: Self.kept(of: path)
        )
        if isCheck || (head.method == .GET && path == Self.poolsHealth) {
            // A load balancer makes a connection for each check. Anybody else keeps none for it,
            // nor does anybody's body matter.
            self.head.uri = path
            isLast = true
            letThrough(context)
            return
        }
        let signatures = CallKind.allCases.flatMap { kind in
            head.headers[kind.header].map { (kind: kind, value: $0) }
        }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) }
        if let refusal = Refusal(
            method: head.method.rawValue,
            signatures: signatures.map(\.value),
            length: length
        ) {
            refuse(refusal, context)
            return
        }
        // The rest of the head is of no use, and may be large.
        for signature in signatures {
            self.head.headers.add(name: signature.kind.header, value: signature.value)
        }
        phase = .collecting
        limit(Bounds.body, context) { [self] context, isCrowded in
            refuse(isCrowded ? .crowded : .tooSlow, context)
        }
    }

    /// Which pool the address names, and nothing else of a stranger's text.
    private static func kept(of path: String) -> String {
        guard let pool = EndpointRequest.pool(in: path) else { return "/" }
        // No pool has a dot in its name.
        return poolsHealth + "/" + (PoolTable.isName(pool) ? pool : ".")
    }

    private func collect(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let size = body.readableBytes + bytes.readableBytes
        guard size <= Verdict.maximumBodyBytes else {
            refuse(.tooLarge, context)
            return
        }
        if size > body.capacity {
            // As buffers do by themselves; done here so that what is counted is what is held.
            var capacity = max(body.capacity, Bounds.read)
            while capacity < size { capacity *= 2 }
            guard seat?.hold(capacity) == true else {
                refuse(.crowded, context)
                return
            }
            body.reserveCapacity(capacity)
        }
        // Copied: the buffer that these bytes came in is larger than they may be.
        body.writeImmutableBuffer(bytes)
    }

    private func letThrough(_ context: ChannelHandlerContext) {
        phase = .answering
        limit(Bounds.answer, context) { context, _ in context.close(promise: nil) }
        context.fireChannelRead(wrapInboundOut(.head(head)))
        if body.readableBytes > 0 {
            let whole = body
            body = ByteBuffer()
            context.fireChannelRead(wrapInboundOut(.body(whole)))
        }
        context.fireChannelRead(wrapInboundOut(.end(nil)))
        guard let stop = heldStop else { return }
        heldStop = nil
        context.fireUserInboundEventTriggered(stop)
    }

    // MARK: The answer

    func write(
        context: ChannelHandlerContext,
        data: NIOAny,
        promise: EventLoopPromise<Void>?
    ) {
        switch (unwrapOutboundIn(data), phase) {
        case (.head(var response), .answering):
            switch response.status {
            case .unauthorized: isLast = true
            // Only what is signed comes so far; a 503 may be for want of a key.
            case .ok where head.method == .POST, .badRequest: becomeKnown()
            default: break
            }
            if isLast { response.headers.replaceOrAdd(name: "connection", value: "close") }
            context.write(wrapOutboundOut(.head(response)), promise: promise)
        case (.end, .answering):
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.assumeIsolated().whenSuccess { [self] in answered(context) }
            context.write(data, promise: written)
        default:
            context.write(data, promise: promise)
        }
    }

    private func answered(_ context: ChannelHandlerContext) {
        guard phase == .answering else { return }
        release()
        if isLast {
            leave(context)
        } else {
            phase = .waiting
            limit(Bounds.idle, context) { context, _ in context.close(promise: nil) }
            readOn(context)
        }
    }

    private func refusal(
        _ head: HTTPRequestHead,
        _ context: ChannelHandlerContext
    ) -> EndpointResponse? {
        endpoint.refusal(
            of: context.channel.remoteAddress?.ipAddress ?? "",
            forwardedFor: head.headers["x-forwarded-for"]
        )
    }

    private func refuse(_ refusal: Refusal, _ context: ChannelHandlerContext) {
        turnAway(endpoint.refuse(refusal), context)
    }

    private func turnAway(_ response: EndpointResponse, _ context: ChannelHandlerContext) {
        release()
        var headers: HTTPHeaders = [
            "content-type": "text/plain; charset=utf-8",
            "content-length": "\(response.body.utf8.count)", "connection": "close",
        ]
        for (name, value) in response.headers { headers.add(name: name, value: value) }
        let head = HTTPResponseHead(
            version: .http1_1,
            status: HTTPResponseStatus(statusCode: response.status),
            headers: headers
        )
        let text = context.channel.allocator.buffer(string: response.body)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(text))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        leave(context)
    }

    /// Closes the writing side, and the other one when the client has closed or its time is over.
    private func leave(_ context: ChannelHandlerContext) {
        phase = .leaving
        limit(Bounds.farewell, context) { context, _ in context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        readOn(context)
    }
}
