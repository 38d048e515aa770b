import HTTPTypes
import Hummingbird
import NIOCore
import ScaleUp

/// Answers what came through the gate: the health check, or a run task call as a whole.
func answer(_ request: Request, _ endpoint: Endpoint) async -> Response {
    guard request.method == .post else { return Response(status: .ok) }
    guard let body = await body(of: request) else {
        return response(endpoint.refuse(.broken))
    }
    let headers = request.headers.map { (name: $0.name.rawName, value: $0.value) }
    return response(
        await endpoint.respond(
            to: EndpointRequest(method: request.method.rawValue, headers: headers, body: body)
        )
    )
}

/// Nil when the connection has been lost.
private func body(of request: Request) async -> [UInt8]? {
    guard let buffer = try? await request.body.collect(upTo: Verdict.maximumBodyBytes) else {
        return nil
    }
    return Array(buffer: buffer)
}

private func response(_ answer: EndpointResponse) -> Response {
    var headers: HTTPFields = [.contentType: "text/plain; charset=utf-8"]
    for (name, value) in answer.headers {
        if let name = HTTPField.Name(name) { headers[name] = value }
    }
    return Response(
        status: .init(code: answer.status),
        headers: headers,
        body: .init(byteBuffer: ByteBuffer(string: answer.body))
    )
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
