import FoundationEssentials
import ScaleUp
import StrictJSON

/// What an invocation asks for.
enum LambdaEvent: Sendable {
    /// A request through the function URL.
    case request(EndpointRequest)
    /// A schedule's turn, of an EventBridge rule or of EventBridge Scheduler.
    case sweep

    /// - Parameter event: the invocation's JSON.
    /// - Throws: ``LambdaEventFault``; it holds nothing of the event's values.
    init(_ event: [UInt8]) throws(LambdaEventFault) {
        let shape: Shape
        do {
            shape = try StrictJSON.decode(Shape.self, from: event)
        } catch {
            throw .notJSON
        }
        // First, since whoever knows the URL writes the body, but never what surrounds it.
        if shape.hasRequestContext {
            self = .request(try FunctionURLEvent(event).request)
        } else if shape.isScheduled {
            self = .sweep
        } else {
            throw .unknown
        }
    }

    private struct Shape: Decodable {
        let hasRequestContext: Bool
        let isScheduled: Bool

        enum Field: CodingKey { case requestContext, source, action }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Field.self)
            hasRequestContext = fields.contains(.requestContext)
            let source = try? fields.decode(String.self, forKey: .source)
            let action = try? fields.decode(String.self, forKey: .action)
            isScheduled =
                source == "aws.scheduler" || source == "aws.events" || action == "sweep"
        }
    }
}

/// The event is none that this function can answer. Nothing was done.
enum LambdaEventFault: Error, Hashable, CustomStringConvertible {
    /// Not a JSON object.
    case notJSON
    /// It looks like a function URL's, but for what is named here.
    case functionURL(String)
    case unknown

    var description: String {
        let cause =
            switch self {
            case .notJSON: "the event is no JSON object"
            case .functionURL(let what): what
            case .unknown: "the event has no known shape"
            }
        return cause + "; expected a function URL event of payload format 2.0 (version, headers, "
            + "requestContext.http.method, body, isBase64Encoded), or a scheduled event with "
            + #""source":"aws.scheduler", "source":"aws.events" or "action":"sweep""#
    }
}
