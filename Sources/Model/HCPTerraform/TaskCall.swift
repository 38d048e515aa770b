/// When HCP Terraform calls a run task. The `post_` ones come only after success (HCP Terraform,
/// "Run task stages and results").
package enum TaskStage: String, Hashable, Sendable, CaseIterable {
    case prePlan = "pre_plan"
    case postPlan = "post_plan"
    case preApply = "pre_apply"
    case postApply = "post_apply"
}

/// The call of a run task for one stage of a run, as a value: how often it was tried, and what came
/// of it. The task is advisory: the run goes on whatever the result is.
package struct TaskCall: Hashable, Sendable {
    /// HCP Terraform API reference, run tasks integration.
    package enum Result: String, Hashable, Sendable {
        case pending
        case running
        case passed
        case failed
        /// The endpoint never answered, or never told a result.
        case unreachable

        package var isFinal: Bool { self != .pending && self != .running }
    }

    package let stage: TaskStage
    /// Tries that were not answered with 200.
    package private(set) var failures = 0
    package private(set) var result = Result.pending

    package init(_ stage: TaskStage) { self.stage = stage }

    /// A try was not answered with 200. Neither the number of HCP Terraform's tries nor their
    /// pauses are documented.
    ///
    /// - Returns: how long it waits before it calls again.
    package mutating func failed(_ pace: Pace) -> Milliseconds {
        failures += 1
        return pace.pause(after: failures)
    }

    /// The endpoint tells a result.
    ///
    /// - Returns: false when the result is final already, which is answered with 409.
    package mutating func told(_ result: Result) -> Bool {
        guard !self.result.isFinal else { return false }
        self.result = result
        return true
    }
}
