import FoundationEssentials
import ScaleUp
import StrictJSON

/// An HTTP request that came through a function URL: payload format 2.0 (Lambda developer guide,
/// "Request payload format").
///
/// Header names are in lower case, and a header that came more than once has its values joined
/// by commas; such a signature is none, whatever its parts are.
struct FunctionURLEvent: Sendable {
    let request: EndpointRequest

    /// - Parameter event: the invocation's JSON.
    /// - Throws: ``LambdaEventFault`` with the field that is wrong, never with a value.
    init(_ event: [UInt8]) throws(LambdaEventFault) {
        let payload: Payload
        do {
            payload = try StrictJSON.decode(Payload.self, from: event)
        } catch let error as DecodingError {
            throw .functionURL("\(error.path) is missing or of another type")
        } catch {
            throw .notJSON
        }
        guard payload.version == "2.0" else { throw .functionURL("version is not 2.0") }
        request = EndpointRequest(
            // One without an address is none that may call, where not everybody may.
            from: .address(payload.requestContext.http.sourceIp ?? ""),
            method: payload.requestContext.http.method,
            path: payload.rawPath ?? "/",
            headers: payload.headers.map { (name: $0.key, value: $0.value) },
            body: try Self.body(payload)
        )
    }

    /// The bytes as they were signed.
    private static func body(_ payload: Payload) throws(LambdaEventFault) -> [UInt8] {
        guard let body = payload.body else { return [] }
        guard payload.isBase64Encoded ?? false else { return Array(body.utf8) }
        guard let bytes = Data(base64Encoded: body) else {
            throw .functionURL("body is not the base64 that isBase64Encoded promises")
        }
        return Array(bytes)
    }

    private struct Payload: Decodable {
        let version: String
        let rawPath: String?
        let headers: [String: String]
        let requestContext: Context
        /// Absent for a request without one.
        let body: String?
        let isBase64Encoded: Bool?

        struct Context: Decodable { let http: HTTP }
        struct HTTP: Decodable {
            let method: String
            let sourceIp: String?
        }
    }
}

extension DecodingError {
    /// The field that could not be read, such as `requestContext.http.method`; a header's name
    /// is the caller's and left out.
    fileprivate var path: String {
        let keys: [any CodingKey] =
            switch self {
            case .keyNotFound(let key, let context): context.codingPath + [key]
            case .typeMismatch(_, let context), .valueNotFound(_, let context),
                .dataCorrupted(let context):
                context.codingPath
            @unknown default: []
            }
        let names = keys.map(\.stringValue)
        if names.first == "headers" { return "headers" }
        return names.isEmpty ? "the event" : names.joined(separator: ".")
    }
}
