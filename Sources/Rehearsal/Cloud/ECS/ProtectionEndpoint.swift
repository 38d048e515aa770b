import Model

/// The agent's local endpoint for task scale-in protection: what a request asks, and how the
/// answers look.
///
/// Status codes and bodies follow the ECS developer guide (task-scale-in-protection-endpoint,
/// api_failures_messages) and the ECS agent's `taskprotection` handlers: a refusal by ECS is a 200
/// with `failure`, a malformed request a 400 with `error`.
struct ProtectionEndpoint: Sendable {
    /// Minutes; ECS accepts 1 to 2880 and takes 120 when none are given.
    static let defaultMinutes = 120
    static let allowedMinutes = 1...2880

    enum Request: Sendable {
        case read
        case protect(minutes: Int)
        case unprotect
        case wrong(WebResponse)
    }

    /// The task's ARN, for the answers.
    let arn: String

    /// What a request to `/task-protection/v1/state` asks for.
    func parse(_ request: WebRequest) -> Request {
        switch request.method {
        case "GET": return .read
        case "PUT": break
        default: return .wrong(WebResponse(405, text: "Method Not Allowed"))
        }
        let undecodable = Request.wrong(
            Self.invalid("UpdateTaskProtection: failed to decode request", arn: nil)
        )
        guard let members = JSON(parsing: request.body)?.object,
            Set(members.keys).isSubset(of: ["ProtectionEnabled", "ExpiresInMinutes"])
        else { return undecodable }
        let minutes: Int
        switch members["ExpiresInMinutes"] {
        case nil, .null?: minutes = Self.defaultMinutes
        case let value?:
            guard let number = value.int else { return undecodable }
            minutes = number
        }
        guard let enabled = members["ProtectionEnabled"]?.bool else {
            return wrong("Invalid request: does not contain 'ProtectionEnabled' field")
        }
        guard Self.allowedMinutes.contains(minutes) else {
            return wrong("expiresInMinutes must be between 1 and 2880")
        }
        return enabled ? .protect(minutes: minutes) : .unprotect
    }

    /// - Parameter until: when it ends, as RFC 3339 text; nil when the task is not protected.
    func state(until: String?) -> WebResponse {
        WebResponse(
            200,
            [
                "protection": [
                    "TaskArn": .string(arn),
                    "ProtectionEnabled": .bool(until != nil),
                    "ExpirationDate": .optional(until),
                ]
            ]
        )
    }

    func refusal(_ reason: String) -> WebResponse {
        let failure: JSON = ["Arn": .string(arn), "Reason": .string(reason), "Detail": nil]
        return WebResponse(200, ["failure": failure])
    }

    static let throttled = WebResponse(
        400,
        ["error": ["Code": "ThrottlingException", "Message": "Rate exceeded"]]
    )

    private func wrong(_ message: String) -> Request { .wrong(Self.invalid(message, arn: arn)) }

    private static func invalid(_ message: String, arn: String?) -> WebResponse {
        var error: [String: JSON] = [
            "Code": "InvalidParameterException", "Message": .string(message),
        ]
        if let arn { error["Arn"] = .string(arn) }
        return WebResponse(400, ["error": .object(error)])
    }
}
