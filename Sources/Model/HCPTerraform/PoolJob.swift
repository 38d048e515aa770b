/// A piece of a run's work, in a pool's queue or in an agent's hands.
package struct PoolJob: Hashable, Sendable {
    /// As the agent logs it in `job_type`; others than these need no run.
    package enum Kind: String, Hashable, Sendable {
        case plan
        case apply
    }

    package let run: String
    package let kind: Kind
    /// How long an agent works at it.
    package let length: Milliseconds
    /// Since when the run could have gone on with an agent at hand.
    package let wantedAt: Milliseconds

    package init(run: String, kind: Kind, length: Milliseconds, wantedAt: Milliseconds) {
        self.run = run
        self.kind = kind
        self.length = length
        self.wantedAt = wantedAt
    }
}
