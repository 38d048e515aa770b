import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import ScaleUp

/// Connections as Hummingbird serves them, with a gate where their HTTP has just been read.
/// Handlers of Hummingbird's configuration come later, where requests have another type and have
/// been kept already.
struct GatedConnection: ServerChildChannel {
    /// A connection and what it holds.
    struct Value: ServerChildChannelValue {
        let http: HTTP1Channel.Value
        let seat: Seat?

        var channel: any Channel { http.channel }
    }

    let http: HTTP1Channel
    let endpoint: Endpoint
    let strangers: Strangers
    let unjudged: UnjudgedBytes

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        http.setup(channel: channel, logger: logger)
            .map { http in
                let seat = unjudged.seat()
                do {
                    try addGate(to: channel, seat)
                } catch {
                    // Nobody gets in without a gate.
                    channel.close(promise: nil)
                }
                return Value(http: http, seat: seat)
            }
    }

    private func addGate(to channel: any Channel, _ seat: Seat?) throws {
        try channel.syncOptions?.setOption(
            .recvAllocator,
            value: FixedSizeRecvByteBufferAllocator(capacity: Bounds.read)
        )
        // So that only one such buffer is in use.
        try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(
            Gate(endpoint, strangers, seat),
            position: .after(decoder)
        )
    }

    /// Returns when the last answer is over, also if the connection was lost before.
    func handle(value: Value, logger: Logger) async {
        await http.handle(value: value.http, logger: logger)
        value.seat?.leave()
    }
}
