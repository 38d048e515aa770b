import Model

/// The calls that faults are made of, by what they are called in the plan.
enum APICall: String, Sendable, CaseIterable {
    case describeServices = "DescribeServices"
    case updateService = "UpdateService"
    case listTasks = "ListTasks"
    /// The whole ledger is read with it.
    case query = "Query"
    /// `GetItem` and `BatchGetItem`: parts of the ledger are read with them.
    case getItem = "GetItem"
    case putItem = "PutItem"
    case updateItem = "UpdateItem"
    case deleteItem = "DeleteItem"
    case transaction = "TransactWriteItems"
    case parameter = "GetParameter"
    case protection = "task protection"
    case credentials = "credentials"
    case metadata = "task metadata"
    /// From HCP Terraform to the endpoint.
    case runTask = "run task"
    case callback = "callback"
    /// Agents, runs and workspaces of HCP Terraform's API.
    case terraformAPI = "HCP Terraform API"

    /// Which one a request is; `nil` for the agents' own protocol, which is this rehearsal's
    /// invention: a fault there would prove nothing.
    init?(_ request: WebRequest) {
        let path = request.path
        if path == "/" {
            let target = request.headers["x-amz-target"] ?? ""
            let operation = target.split(separator: ".").last.map(String.init) ?? ""
            self.init(rawValue: operation == "BatchGetItem" ? "GetItem" : operation)
        } else if path.hasPrefix("/v2/credentials/") {
            self = .credentials
        } else if path.hasPrefix("/v4/") {
            self = .metadata
        } else if path.hasPrefix("/api/v2/task-results/") {
            self = .callback
        } else if path.hasPrefix("/api/v2/") {
            self = .terraformAPI
        } else if path.hasSuffix("/task-protection/v1/state") {
            self = .protection
        } else {
            return nil
        }
    }

    /// Among how many of the first calls of its kind a fault is drawn: about what a rehearsal of
    /// six runs makes.
    var firstCalls: Int {
        switch self {
        case .query: 60
        case .putItem, .deleteItem: 25
        case .updateItem, .transaction: 15
        case .getItem: 5
        case .updateService, .protection, .runTask, .callback, .terraformAPI: 15
        case .credentials, .metadata: 8
        case .describeServices, .listTasks: 4
        case .parameter: 1
        }
    }

    /// What can happen to it.
    var effects: [CallEffect.Kind] {
        // Between here and there somebody else may answer, or the answer may end in the middle.
        let strange: [CallEffect.Kind] = [.redirected, .page, .cutShort]
        let usual: [CallEffect.Kind] = [.dropped, .answerLost, .neverAnswered, .delayed]
        return switch self {
        case .describeServices, .updateService, .listTasks, .query, .getItem, .parameter:
            usual + [.doubled, .throttled, .failed] + strange
        case .putItem, .updateItem, .deleteItem, .transaction:
            usual + [.doubled, .throttled, .failed, .conflicted] + strange
        case .protection: usual + [.doubled, .throttled, .failed, .refused] + strange
        case .credentials, .metadata, .terraformAPI: usual + [.throttled, .failed] + strange
        case .runTask: usual + [.doubled]
        // A page's status is a success, and no caller could tell that nothing was done.
        case .callback: usual + [.doubled, .failed, .redirected]
        }
    }

    /// How it is throttled.
    var throttles: [Throttle] {
        switch self {
        case .describeServices, .updateService, .listTasks, .parameter: [.exception]
        case .query, .getItem, .putItem, .updateItem, .deleteItem, .transaction:
            [.exception, .throughput]
        case .protection: [.plainText, .exception]
        case .credentials, .metadata: [.plainText]
        case .terraformAPI: [.rateLimit]
        case .runTask, .callback: []
        }
    }
}

/// The ways in which a call is told to slow down.
enum Throttle: String, Sendable, CaseIterable {
    /// 400 `ThrottlingException`, "Rate exceeded" (ECS and DynamoDB API reference; passed on by the
    /// protection endpoint).
    case exception = "ThrottlingException"
    /// 400 `ProvisionedThroughputExceededException` (DynamoDB), in a transaction the reason for
    /// which it is cancelled.
    case throughput = "ProvisionedThroughputExceededException"
    /// 429 in plain text: the container agent's own limit.
    case plainText = "429 in plain text"
    /// 429 with `x-ratelimit-reset` (HCP Terraform API, "Rate limiting").
    case rateLimit = "429 with x-ratelimit-reset"
}

/// What happens to a call.
enum CallEffect: Equatable, Sendable {
    /// The connection ends before anything was done.
    case dropped
    /// It is performed, and the connection ends without an answer.
    case answerLost
    /// It is performed, and nothing comes back until the caller's patience is long over.
    case neverAnswered
    /// Nothing is done for so long; the caller may have given up when it is.
    case delayed(Milliseconds)
    /// It is performed twice, and the second answer is the one that arrives.
    case doubled
    case throttled(Throttle)
    /// 500 without any effect.
    case failed
    /// The protection endpoint's 200 that holds `failure`.
    case refused
    /// DynamoDB has another write of the item under way: nothing is done.
    case conflicted
    /// A proxy sends the caller elsewhere: nothing is done.
    case redirected
    /// A proxy answers with a page of its own, and with status 200: nothing is done.
    case page
    /// It is performed, and half of the answer arrives as if it were all of it.
    case cutShort

    enum Kind: String, Sendable, CaseIterable {
        case dropped
        case answerLost
        case neverAnswered
        case delayed
        case doubled
        case throttled
        case failed
        case refused
        case conflicted
        case redirected
        case page
        case cutShort
    }

    var kind: Kind {
        switch self {
        case .dropped: .dropped
        case .answerLost: .answerLost
        case .neverAnswered: .neverAnswered
        case .delayed: .delayed
        case .doubled: .doubled
        case .throttled: .throttled
        case .failed: .failed
        case .refused: .refused
        case .conflicted: .conflicted
        case .redirected: .redirected
        case .page: .page
        case .cutShort: .cutShort
        }
    }
}

extension CallEffect: CustomStringConvertible {
    var description: String {
        switch self {
        case .dropped: "dropped before its effect"
        case .answerLost: "performed, connection closed without an answer"
        case .neverAnswered: "performed, never answered"
        case .delayed(let time): "held back for \(tenths(Double(time) / 1000)) s"
        case .doubled: "performed twice"
        case .throttled(let throttle): "throttled: \(throttle.rawValue)"
        case .failed: "answered with status 500"
        case .refused: "answered 200 with failure TASK_NOT_VALID"
        case .conflicted: "refused for another write that is under way"
        case .redirected: "answered with a redirect"
        case .page: "answered 200 with a page of HTML"
        case .cutShort: "performed, half of the answer is missing"
        }
    }
}
