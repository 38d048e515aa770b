/// Jobs that are lost to faults which the rehearsal's own seed made and which nothing could
/// survive: an agent or its container killed, a host gone, a Spot notice's time over, an agent
/// frozen for so long that HCP Terraform gives it up. Nothing else excuses a loss.
struct SeedLosses: Sendable {
    /// Tasks whose agent the seed took, and how.
    private(set) var doomed: [TaskID: String] = [:]
    /// One sentence for each lost job.
    private(set) var sentences: [String] = []
    private var runs: Set<String> = []

    mutating func see(_ fact: Fact) {
        switch fact {
        case .doomed(let task, let cause):
            doomed[task] = doomed[task] ?? cause
        case .jobLost(let job, let task, _):
            guard let cause = doomed[task] else { break }
            sentences.append("\(job) on \(short(task)): \(cause)")
            runs.insert(job.split(separator: "/").first.map(String.init) ?? job)
        default: break
        }
    }

    /// The seed itself took the agent of this task.
    func took(_ task: TaskID) -> Bool { doomed[task] != nil }

    /// The run lost a job to the seed, so it has to fail.
    func cost(_ run: String) -> Bool { runs.contains(run) }
}
