/// What the ECS service scheduler does about the difference between `desiredCount` and the tasks
/// that exist, as a value.
///
/// ECS documents no rule that decides which unprotected task a scale-in stops, so the choice comes
/// from the seed and includes tasks that have only just been started (ECS developer guide,
/// task-scale-in-protection and update-service-parameters).
struct ServiceScheduler: Sendable {
    /// A task as the scheduler sees it.
    struct Candidate: Equatable, Sendable {
        var id: TaskID
        /// Not stopping and not stopped.
        var counts: Bool
        var isProtected: Bool
    }

    enum Decision: Equatable, Sendable {
        case start
        case stop(TaskID)
    }

    /// ECS delays further launches after tasks that never reached RUNNING (service-throttle-logic);
    /// here much less, and enough to keep a broken image from becoming a storm of processes.
    static let firstBackOff: Milliseconds = 500
    static let longestBackOff: Milliseconds = 10_000

    private var failedStarts = 0
    private var nextStartAt: Milliseconds = 0

    mutating func taskEnded(everRan: Bool, at now: Milliseconds) {
        guard !everRan else {
            failedStarts = 0
            return
        }
        failedStarts += 1
        let wait = Self.firstBackOff << min(failedStarts - 1, 10)
        nextStartAt = now + min(wait, Self.longestBackOff)
    }

    /// One turn: starts what is missing or stops what is too much, protected tasks excepted.
    func decide(
        desiredCount: Int,
        tasks: [Candidate],
        at now: Milliseconds,
        random: inout some RandomNumberGenerator
    ) -> [Decision] {
        let counting = tasks.filter(\.counts)
        if counting.count < desiredCount {
            guard now >= nextStartAt else { return [] }
            return Array(repeating: .start, count: desiredCount - counting.count)
        }
        let surplus = counting.count - desiredCount
        let unprotected = counting.filter { !$0.isProtected }.sorted { $0.id < $1.id }
        return unprotected.shuffled(using: &random).prefix(surplus).map { .stop($0.id) }
    }
}
