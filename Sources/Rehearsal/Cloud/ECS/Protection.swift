/// Task scale-in protection: its state per task, and the answers of the agent's local endpoint.
///
/// Status codes and bodies follow the ECS developer guide (task-scale-in-protection-endpoint,
/// api_failures_messages) and the ECS agent's `taskprotection` handlers: a refusal by ECS is a 200
/// with `failure`, a malformed request a 400 with `error`.
struct Protection: Sendable {
    /// Minutes; ECS accepts 1 to 2880 and takes 120 when none are given.
    static let defaultMinutes = 120
    static let allowedMinutes = 1...2880

    /// When each protected task's protection ends.
    private(set) var expiry: [TaskID: Milliseconds] = [:]

    /// A task of the service as far as protection is concerned.
    struct Service: Sendable {
        var desiredCount: Int
        /// Tasks that belong to the service and have not stopped.
        var tasks: Set<TaskID>
        /// The ARN of a task, for the answers.
        var arn: @Sendable (TaskID) -> String
        /// An instant as RFC 3339 text.
        var dateText: @Sendable (Milliseconds) -> String
    }

    enum Outcome: Equatable, Sendable {
        case unchanged
        case protected(until: Milliseconds)
        case unprotected
        case refused(String)
    }

    func isProtected(_ task: TaskID, at now: Milliseconds) -> Bool {
        expiry[task].map { $0 > now } ?? false
    }

    /// Forgets protections that have run out; returns whose they were.
    mutating func expire(at now: Milliseconds) -> [TaskID] {
        let over = expiry.filter { $0.value <= now }.keys.sorted()
        for task in over { expiry[task] = nil }
        return over
    }

    mutating func forget(_ task: TaskID) { expiry[task] = nil }

    /// Answers one request to `/task-protection/v1/state` of `task`.
    mutating func answer(
        _ request: WebRequest,
        for task: TaskID,
        in service: Service,
        at now: Milliseconds
    ) -> (WebResponse, Outcome) {
        switch request.method {
        case "GET": return (current(task, service, now), .unchanged)
        case "PUT": break
        default: return (WebResponse(405, text: "Method Not Allowed"), .unchanged)
        }
        let undecodable = Self.invalid("UpdateTaskProtection: failed to decode request", arn: nil)
        guard let members = JSON(parsing: request.body)?.object,
            Set(members.keys).isSubset(of: ["ProtectionEnabled", "ExpiresInMinutes"])
        else { return (undecodable, .unchanged) }
        let minutes: Int
        switch members["ExpiresInMinutes"] {
        case nil, .null?: minutes = Self.defaultMinutes
        case let value?:
            guard let number = value.int else { return (undecodable, .unchanged) }
            minutes = number
        }
        guard let enabled = members["ProtectionEnabled"]?.bool else {
            return (
                Self.invalid(
                    "Invalid request: does not contain 'ProtectionEnabled' field",
                    arn: service.arn(task)
                ), .unchanged
            )
        }
        guard Self.allowedMinutes.contains(minutes) else {
            return (
                Self.invalid(
                    "expiresInMinutes must be between 1 and 2880",
                    arn: service.arn(task)
                ), .unchanged
            )
        }
        return set(enabled, minutes: minutes, for: task, in: service, at: now)
    }

    private mutating func set(
        _ enabled: Bool,
        minutes: Int,
        for task: TaskID,
        in service: Service,
        at now: Milliseconds
    ) -> (WebResponse, Outcome) {
        guard service.tasks.contains(task) else {
            return refusal("TASK_NOT_VALID", task, service)
        }
        guard enabled else {
            expiry[task] = nil
            return (current(task, service, now), .unprotected)
        }
        let others = service.tasks.count { $0 != task && isProtected($0, at: now) }
        if others + 1 > service.desiredCount {
            return refusal("DEPLOYMENT_BLOCKED", task, service)
        }
        let until = now + minutes * 60_000
        expiry[task] = until
        return (current(task, service, now), .protected(until: until))
    }

    private func current(_ task: TaskID, _ service: Service, _ now: Milliseconds) -> WebResponse {
        let until = expiry[task].flatMap { $0 > now ? service.dateText($0) : nil }
        return WebResponse(
            200,
            [
                "protection": [
                    "TaskArn": .string(service.arn(task)),
                    "ProtectionEnabled": .bool(until != nil),
                    "ExpirationDate": .optional(until),
                ]
            ]
        )
    }

    private func refusal(
        _ reason: String,
        _ task: TaskID,
        _ service: Service
    ) -> (WebResponse, Outcome) {
        let failure: JSON = [
            "Arn": .string(service.arn(task)), "Reason": .string(reason), "Detail": nil,
        ]
        return (WebResponse(200, ["failure": failure]), .refused(reason))
    }

    private static func invalid(_ message: String, arn: String?) -> WebResponse {
        var error: [String: JSON] = [
            "Code": "InvalidParameterException", "Message": .string(message),
        ]
        if let arn { error["Arn"] = .string(arn) }
        return WebResponse(400, ["error": .object(error)])
    }
}
