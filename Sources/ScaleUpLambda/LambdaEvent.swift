import FoundationEssentials
import ScaleUp
import StrictJSON

/// What an invocation asks for.
enum LambdaEvent: Sendable {
    /// A request through the function URL.
    case request(EndpointRequest)
    /// A schedule's turn, of an EventBridge rule or of EventBridge Scheduler.
    case sweep
    /// Somebody who may invoke the function looks at the pool.
    case ask(Question)

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
        } else if let question = shape.question {
            self = .ask(question)
        } else {
            throw .unknown
        }
    }

    private struct Shape: Decodable {
        let hasRequestContext: Bool
        let isScheduled: Bool
        let question: Question?

        enum Field: String, CodingKey {
            case requestContext, source, action, ask, pool, describe, widgetContext
            case form = "as"
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Field.self)
            hasRequestContext = fields.contains(.requestContext)
            let source = try? fields.decode(String.self, forKey: .source)
            let action = try? fields.decode(String.self, forKey: .action)
            isScheduled =
                source == "aws.scheduler" || source == "aws.events" || action == "sweep"
            question = Self.question(fields)
        }

        /// A widget need not say what it asks for.
        private static func question(_ fields: KeyedDecodingContainer<Field>) -> Question? {
            if (try? fields.decode(Bool.self, forKey: .describe)) == true { return .manual }
            let isWidget = fields.contains(.widgetContext)
            let word =
                fields.contains(.ask)
                ? try? fields.decode(String.self, forKey: .ask) : isWidget ? "status" : nil
            guard let subject = word.flatMap(Question.Subject.init(rawValue:)) else { return nil }
            let pool = try? fields.decode(String.self, forKey: .pool)
            if pool == nil, fields.contains(.pool) { return nil }
            if isWidget { return .about(subject, .widget, pool: pool) }
            guard fields.contains(.form) else { return .about(subject, .object, pool: pool) }
            let form = try? fields.decode(String.self, forKey: .form)
            return form == "text" ? .about(subject, .text, pool: pool) : nil
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
            + "requestContext.http.method, body, isBase64Encoded), a scheduled event with "
            + #""source":"aws.scheduler", "source":"aws.events" or "action":"sweep", "#
            + #"or a question: "ask":"status" or "ask":"doctor", with "as":"text" for lines"#
    }
}
