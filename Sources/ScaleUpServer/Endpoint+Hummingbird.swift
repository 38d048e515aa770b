import HTTPTypes
import Hummingbird
import NIOCore
import ScaleUp

/// The endpoint behind a server.
extension Endpoint {
    /// Answers what came through the gate: a health check, or a run task call as a whole.
    func answer(_ request: Request) async -> Response {
        guard request.method == .post else {
            return request.uri.path == Gate.poolsHealth ? Response(health()) : Response(status: .ok)
        }
        // Cut off when the connection has been lost.
        guard let body = try? await request.body.collect(upTo: Verdict.maximumBodyBytes) else {
            return Response(refuse(.broken))
        }
        let call = EndpointRequest(
            method: request.method.rawValue,
            path: request.uri.path,
            headers: request.headers.map { (name: $0.name.rawName, value: $0.value) },
            body: Array(buffer: body)
        )
        return Response(await respond(to: call))
    }

    /// Sweeps every minute until it is cancelled.
    func sweepEveryMinute() async {
        // Several servers, and those of one deployment, do not sweep in step.
        var pause = Duration.milliseconds(Int.random(in: 0..<10_000))
        while (try? await Task.sleep(for: pause)) != nil {
            _ = await sweep()
            pause = .seconds(60)
        }
    }
}

extension Response {
    fileprivate init(_ answer: EndpointResponse) {
        var headers: HTTPFields = [.contentType: "text/plain; charset=utf-8"]
        for (name, value) in answer.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        self.init(
            status: .init(code: answer.status),
            headers: headers,
            body: .init(byteBuffer: ByteBuffer(string: answer.body))
        )
    }
}
