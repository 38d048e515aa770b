/// What HCP Terraform takes an agent for (HCP Terraform API, "Agents"; agent pools, "Agent
/// statuses").
package enum ServerStatus: String, Hashable, Sendable {
    case idle
    case busy
    /// It has not reported for a while; it may recover.
    case unknown
    /// It has been unknown for too long: HCP Terraform gives it no more jobs.
    case errored
    /// It said that it ended.
    case exited
}

/// How a look at the agents API ended.
package enum WatchReport: Hashable, Sendable {
    case seen(ServerStatus)
    /// Nothing was learned. `wait` is how long HCP Terraform asks to stay away, if it does.
    case failed(String, wait: Duration?)
}

/// The agents API watch: a second source beside the agent's own log, for those who give an API
/// token. It can keep an agent, and it finds one that HCP Terraform has given up. A look that
/// fails changes nothing: the log alone decides then, as it does without a token.
struct AgentWatch: Hashable, Sendable {
    private(set) var underWay = false
    /// The look under way is at an agent that is not the present one.
    private var looksAtAnother = false
    private var agent: String?
    private var notBefore: Instant = .zero
    private var failures = 0
    private var last: Reading?

    private struct Reading: Hashable, Sendable {
        var status: ServerStatus
        var at: Instant
        /// How many looks in a row have shown it.
        var times: Int
    }

    /// A new agent; what was seen of an earlier one says nothing of it. One that does not say its
    /// id cannot be asked for.
    mutating func registered(_ id: String?, at now: Instant) {
        guard agent != id else { return }
        agent = id
        last = nil
        looksAtAnother = underWay
        notBefore = now + Self.lookEvery
    }

    /// The agent to ask for, once it is time.
    func due(at now: Instant) -> String? {
        guard !underWay, now >= notBefore else { return nil }
        return agent
    }

    /// When to ask next; nil while an answer is awaited or no agent has registered.
    var nextLook: Instant? { underWay || agent == nil ? nil : notBefore }

    mutating func asked() { underWay = true }

    mutating func take(_ report: WatchReport, at now: Instant) {
        underWay = false
        if looksAtAnother {
            looksAtAnother = false
            return
        }
        switch report {
        case .seen(let status):
            failures = 0
            let times = last?.status == status ? last?.times ?? 0 : 0
            last = Reading(status: status, at: now, times: times + 1)
            notBefore = now + Self.lookEvery
        case .failed(_, let wait):
            failures += 1
            let pause = min(Self.longestPause, Self.lookEvery * (1 << min(failures - 1, 4)))
            notBefore = now + max(pause, wait ?? .zero)
        }
    }

    /// Until when a look that showed a busy agent holds; it is not idle before, whatever its log
    /// says.
    var busyUntil: Instant? {
        guard let last, last.status == .busy else { return nil }
        return last.at + Self.freshFor
    }

    /// What HCP Terraform has given the living agent up for. One look is enough for `errored`,
    /// from which no agent comes back; the others may be a moment's delay.
    var givenUp: ServerStatus? {
        guard let last else { return nil }
        switch last.status {
        case .idle, .busy: return nil
        case .errored: return .errored
        case .unknown, .exited: return last.times >= 2 ? last.status : nil
        }
    }

    /// One request a minute for each agent: many share the token's limit of 30 a second.
    static let lookEvery: Duration = .seconds(60)
    static let longestPause: Duration = .seconds(600)
    /// Two looks and a half: an agent must not stay because the API went away.
    static let freshFor: Duration = .seconds(150)
}
