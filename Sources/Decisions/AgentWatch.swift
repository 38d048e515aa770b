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
    private var failures = 0
    private var last: Reading?

    private struct Reading: Hashable, Sendable {
        var status: ServerStatus
        /// How many looks in a row have shown it, up to those that prove it.
        var times: Int
    }

    /// A new agent; what was seen of an earlier one says nothing of it. One that does not say its
    /// id cannot be asked for.
    mutating func registered(_ id: String?, _ timers: inout Timers, at now: Instant) {
        guard agent != id else { return }
        agent = id
        last = nil
        looksAtAnother = underWay
        timers[.watchedAt] = nil
        timers[.watchFrom] = now + timers.timing.watchEvery
    }

    /// The agent to ask for, once it is time.
    func due(_ timers: Timers, at now: Instant) -> String? {
        guard !underWay, timers[.watchFrom].hasCome(at: now) else { return nil }
        return agent
    }

    /// When to ask next; nil while an answer is awaited or no agent has registered.
    func nextLook(_ timers: Timers) -> Instant? {
        underWay || agent == nil ? nil : timers[.watchFrom]
    }

    mutating func asked() { underWay = true }

    mutating func take(_ report: WatchReport, _ timers: inout Timers, at now: Instant) {
        underWay = false
        if looksAtAnother {
            looksAtAnother = false
            return
        }
        switch report {
        case .seen(let status):
            failures = 0
            let times = last?.status == status ? last?.times ?? 0 : 0
            last = Reading(status: status, times: min(times + 1, Self.looksThatProve))
            timers[.watchedAt] = now
            timers[.watchFrom] = now + timers.timing.watchEvery
        case .failed(_, let wait):
            failures = min(failures + 1, Timing.doublings)
            let pause = min(
                timers.timing.watchSeldom,
                timers.timing.watchEvery * (1 << min(failures - 1, 4))
            )
            timers[.watchFrom] = now + max(pause, wait ?? .zero)
        }
    }

    /// Until when a look that showed a busy agent holds; it is not idle before, whatever its log
    /// says.
    func busyUntil(_ timers: Timers) -> Instant? {
        guard let last, last.status == .busy else { return nil }
        return timers[.watchedAt].map { $0 + timers.timing.watchedFor }
    }

    /// What HCP Terraform has given the living agent up for. One look is enough for `errored`,
    /// from which no agent comes back; the others may be a moment's delay.
    var givenUp: ServerStatus? {
        guard let last else { return nil }
        switch last.status {
        case .idle, .busy: return nil
        case .errored: return .errored
        case .unknown, .exited: return last.times >= Self.looksThatProve ? last.status : nil
        }
    }

    private static let looksThatProve = 2
}
