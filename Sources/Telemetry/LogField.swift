/// What a line may say beside its event and message: one name for each thing, in every program.
package enum LogField: String, Sendable, Hashable, CaseIterable {
    // MARK: Which service, which task, which run

    case cluster
    case service
    case pool
    case task
    /// The agent's name.
    case agent
    case job
    case jobs
    case run
    case stage
    case workspace
    /// Lambda's id of an invocation.
    case request

    // MARK: Why

    /// In words.
    case reason
    /// By its closed name; metrics have it as a dimension.
    case reasonName = "reason_name"
    /// In the words of somebody else: a call's failure, an answer of AWS.
    case cause
    case outcome

    // MARK: How much

    /// Of HTTP.
    case status
    /// An exit code.
    case code
    case signal
    case processes
    case number
    /// How often it has happened by now.
    case times
    case seconds
    case milliseconds
    case size
    /// Before the change.
    case sizeBefore = "size_before"
    /// The size that jobs and limits ask for.
    case wanted
    case port
    case version
    /// What a program is linked with at run time, with versions.
    case libraries
    /// What jobs share.
    case mode
    case restarted
}

/// The value of a field. Numbers stay numbers, so that whoever queries can count with them.
package enum LogValue: Sendable, Hashable {
    case text(String)
    case number(Double)
    case flag(Bool)

    /// As a person reads it.
    package var text: String {
        switch self {
        case .text(let text): text
        case .number(let number): JSONText.number(number)
        case .flag(let flag): "\(flag)"
        }
    }

    package static func count(_ number: Int) -> LogValue { .number(Double(number)) }

    /// As JSON.
    func append(to json: inout String) {
        switch self {
        case .text(let text): json.appendJSONString(text)
        case .number, .flag: json += text
        }
    }
}

extension LogValue: ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self = .text(value) }
}

/// The fields of a line, each once.
package typealias LogFields = [LogField: LogValue]
