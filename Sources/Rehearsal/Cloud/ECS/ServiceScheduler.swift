/// What the ECS service scheduler does about the difference between what a service wants and the
/// tasks that exist, as a value.
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
        /// Started from the primary deployment's task definition.
        var isCurrent = true
        var isRunning = true
    }

    enum Decision: Equatable, Sendable {
        case start
        case stop(TaskID)
    }

    /// A service's defaults, in percent of `desiredCount` (ECS API reference,
    /// DeploymentConfiguration).
    static let minimumHealthyPercent = 100
    static let maximumPercent = 200

    /// ECS delays further launches after tasks that never reached RUNNING (service-throttle-logic);
    /// here much less, and enough to keep a broken image from becoming a storm of processes.
    static let firstBackOff: Milliseconds = 500
    static let longestBackOff: Milliseconds = 10_000

    /// Stops protected tasks as well, and those first: what ECS must never do.
    var ignoresProtection = false
    private var failedStarts = 0
    private var nextStartAt: Milliseconds = 0

    init(ignoresProtection: Bool = false) { self.ignoresProtection = ignoresProtection }

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
        let current = counting.filter(\.isCurrent)
        guard current.count == counting.count else {
            return roll(desiredCount, current, counting, now, &random)
        }
        if current.count < desiredCount {
            guard now >= nextStartAt else { return [] }
            return Array(repeating: .start, count: desiredCount - current.count)
        }
        return stops(current.count - desiredCount, of: current, &random)
    }

    /// One turn of a rolling deployment: new tasks as far as `maximumPercent` leaves room, and old
    /// ones go as far as `minimumHealthyPercent` lets them; protected ones stay until they are not.
    private func roll(
        _ desiredCount: Int,
        _ current: [Candidate],
        _ counting: [Candidate],
        _ now: Milliseconds,
        _ random: inout some RandomNumberGenerator
    ) -> [Decision] {
        let old = counting.filter { !$0.isCurrent }
        let room = desiredCount * Self.maximumPercent / 100 - counting.count
        let missing = now >= nextStartAt ? desiredCount - current.count : 0
        let starts = max(0, min(room, missing))
        let least = (desiredCount * Self.minimumHealthyPercent + 99) / 100
        let spare = max(0, counting.count(where: \.isRunning) - least)
        return Array(repeating: .start, count: starts)
            // One that does not run yet is no part of what is healthy.
            + stops(old.count, of: old.filter { !$0.isRunning }, &random)
            + stops(spare, of: old.filter(\.isRunning), &random)
            + stops(max(0, current.count - desiredCount), of: current, &random)
    }

    private func stops(
        _ count: Int,
        of tasks: [Candidate],
        _ random: inout some RandomNumberGenerator
    ) -> [Decision] {
        let sorted = tasks.sorted { $0.id < $1.id }
        var order = sorted.filter { !$0.isProtected }.shuffled(using: &random)
        if ignoresProtection { order = sorted.filter(\.isProtected) + order }
        return order.prefix(count).map { .stop($0.id) }
    }
}
