import ScaleUp
import Telemetry

/// What a function URL turns into an HTTP response (Lambda developer guide, "Response payload
/// format"). With a `statusCode` the rest is optional; without one everything would be 200.
struct LambdaAnswer: Hashable, Sendable {
    let response: EndpointResponse

    init(_ response: EndpointResponse) { self.response = response }

    /// The answer as JSON.
    var json: String {
        var json = "{\"statusCode\":\(response.status),\"headers\":{"
        json += "\"content-type\":\"text/plain; charset=utf-8\""
        for (name, value) in response.headers.sorted(by: { $0.key < $1.key }) {
            json += ","
            json.appendJSONString(name)
            json += ":"
            json.appendJSONString(value)
        }
        json += "},\"body\":"
        json.appendJSONString(response.body)
        return json + ",\"isBase64Encoded\":false}"
    }
}

/// An invocation, or the start, that failed, in the form in which the Runtime API takes it.
struct FunctionError: Hashable, Sendable {
    /// `Category.Reason`, as Lambda's documentation asks for.
    let type: String
    /// For a person; Lambda passes it to whoever invoked the function.
    let message: String

    var headers: [(name: String, value: String)] {
        [("Lambda-Runtime-Function-Error-Type", type)]
    }

    var body: String {
        var json = "{\"errorMessage\":"
        json.appendJSONString(message)
        json += ",\"errorType\":"
        json.appendJSONString(type)
        return json + ",\"stackTrace\":[]}"
    }
}
