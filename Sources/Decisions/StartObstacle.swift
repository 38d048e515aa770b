/// Why ECS cannot start a task, read from the words of a stopped task or of a service's event (ECS
/// developer guide, "Stopped tasks error codes" and "Service event messages"). Its names never
/// change: log, metric and documents have the same.
package enum StartObstacle: String, Hashable, Sendable, CaseIterable {
    case imageNotFound = "image_not_found"
    case imageRefused = "image_refused"
    case pullsLimited = "pulls_limited"
    case noRoute = "no_route"
    case secretMissing = "secret_missing"
    case secretDenied = "secret_denied"
    case logGroupMissing = "log_group_missing"
    case cpuQuota = "cpu_quota"
    case taskQuota = "task_quota"
    case noCapacity = "no_capacity"
    case noAddress = "no_address"
    case noNetwork = "no_network"
    case throttled
    case roleRefused = "role_refused"
    case undelivered
    case containerFailed = "container_failed"
    /// Words that this version does not know.
    case other

    /// What a person on a run's page is told, as a sentence's end.
    package var words: String {
        switch self {
        case .imageNotFound: "the image is not in its registry"
        case .imageRefused: "the image cannot be pulled"
        case .pullsLimited: "the registry limits how often images are pulled"
        case .noRoute: "the registry or the parameters cannot be reached from the subnets"
        case .secretMissing: "a parameter or secret of the containers is missing"
        case .secretDenied: "a parameter or secret of the containers may not be read"
        case .logGroupMissing: "the log group is missing"
        case .cpuQuota: "the account's quota of vCPUs is used up"
        case .taskQuota: "the account's quota of tasks is used up"
        case .noCapacity: "Fargate has no capacity at the moment"
        case .noAddress: "the subnets have no free address"
        case .noNetwork: "the network interface cannot be made"
        case .throttled: "ECS is throttled at the moment"
        case .roleRefused: "ECS may not use the roles of the service"
        case .undelivered: "the container launcher-delivery fails"
        case .containerFailed: "a container cannot be started"
        case .other: "ECS cannot start them"
        }
    }

    /// Of a task that stopped.
    ///
    /// - Parameters:
    ///   - code: ECS's `stopCode`.
    ///   - reason: its `stoppedReason`.
    /// - Returns: nil for a task that did start, or that somebody stopped.
    package init?(stopCode code: String?, reason: String) {
        let isKnown = Self.errors.contains { reason.hasPrefix($0) }
        guard code == "TaskFailedToStart" || isKnown else { return nil }
        self = Self.read(reason)
    }

    /// Of a service's event.
    ///
    /// - Returns: nil for one that tells of no failure, or not why.
    package init?(event: String) {
        if let reason = Self.rest(of: event, after: "was unable to place a task. Reason: ") {
            self = Self.read(reason)
        } else if event.contains("operations are being throttled") {
            self = .throttled
        } else if event.contains("could not launch") || event.contains("failed to launch a task") {
            self = Self.read(event)
        } else {
            return nil
        }
    }

    /// Prefixes of reasons that only a task has that did not start.
    private static let errors = [
        "CannotPullContainer", "ResourceInitializationError", "CannotStartContainerError",
        "CannotCreateVolumeError", "Unexpected EC2 error", "Timeout waiting for network interface",
        "Timeout waiting for EphemeralStorage", "Rate limit exceeded while preparing",
    ]

    /// The first of which all the words are there, in small letters.
    private static let marks: [(StartObstacle, [String])] = [
        (.cpuQuota, ["vcpus you can run concurrently"]),
        (.taskQuota, ["tasks you can run concurrently"]),
        (.noCapacity, ["capacity is unavailable"]),
        (.noCapacity, ["resource:fargate"]),
        (.noAddress, ["insufficientfreeaddressesinsubnet"]),
        (.throttled, ["rate limit exceeded while preparing"]),
        (.logGroupMissing, ["log group does not exist"]),
        (.pullsLimited, ["toomanyrequests"]),
        (.pullsLimited, ["pull rate limit"]),
        (.noRoute, ["i/o timeout"]),
        (.noRoute, ["connection issue"]),
        (.noRoute, ["no such host"]),
        (.noRoute, ["connection refused"]),
        (.noRoute, ["cannotpullcontainer", "context deadline exceeded"]),
        (.imageNotFound, ["cannotpullcontainer", "not contain descriptor"]),
        (.imageRefused, ["cannotpullcontainer", "denied"]),
        (.imageRefused, ["cannotpullcontainer", "authoriz"]),
        (.imageNotFound, ["cannotpullcontainer", "not found"]),
        (.imageNotFound, ["cannotpullcontainer", "manifest unknown"]),
        (.imageRefused, ["cannotpullcontainer"]),
        (.roleRefused, ["unable to assume"]),
        (.secretDenied, ["resourceinitializationerror", "accessdenied"]),
        (.secretDenied, ["resourceinitializationerror", "not authorized"]),
        (.secretMissing, ["resourceinitializationerror", "not found"]),
        (.secretMissing, ["resourceinitializationerror", "notfound"]),
        (.secretMissing, ["resourceinitializationerror", "can't find"]),
        (.secretMissing, ["resourceinitializationerror", "invalid ssm parameters"]),
        (.noNetwork, ["network interface"]),
        (.undelivered, ["dependency graph"]),
        (.undelivered, ["containerruntimetimeouterror"]),
        (.containerFailed, ["cannotstartcontainer"]),
        (.containerFailed, ["cannotcreatevolume"]),
        (.containerFailed, ["containerruntimeerror"]),
        (.containerFailed, ["outofmemoryerror"]),
    ]

    private static func read(_ reason: String) -> StartObstacle {
        let text = Array(reason.lowercased().utf8)
        return marks.first { $0.1.allSatisfy { holds(text, $0) } }?.0 ?? .other
    }

    private static func rest(of text: String, after mark: String) -> String? {
        let (bytes, sought) = (Array(text.utf8), Array(mark.utf8))
        guard bytes.count >= sought.count else { return nil }
        for start in 0...(bytes.count - sought.count)
        where bytes[start..<start + sought.count].elementsEqual(sought) {
            return String(decoding: bytes[(start + sought.count)...], as: UTF8.self)
        }
        return nil
    }

    private static func holds(_ text: [UInt8], _ mark: String) -> Bool {
        let sought = Array(mark.utf8)
        guard text.count >= sought.count else { return false }
        return (0...(text.count - sought.count)).contains { start in
            text[start] == sought[0]
                && text[start..<start + sought.count].elementsEqual(sought)
        }
    }
}
