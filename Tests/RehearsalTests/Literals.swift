import Decisions

extension TaskID: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) { self.init(text) }
}

/// Jobs by their keys.
extension Job: ExpressibleByStringLiteral {
    public init(stringLiteral key: String) {
        guard let job = Job(key: key) else { preconditionFailure("\(key) is no job's key") }
        self = job
    }
}
