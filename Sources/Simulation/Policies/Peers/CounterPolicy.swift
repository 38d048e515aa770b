import Decisions
import Model

/// The counter of assareh/tfc-agent (producer): run tasks read a number, change it by one and write
/// it back; the service gets it, bounded by the maximum. Agents take one job.
final class CounterPolicy: Policy {
    let usesRunTasks = true

    private final class Counter {
        var value: Int
        init(_ value: Int) { self.value = value }
    }

    func isSingleJob(_ setup: Setup) -> Bool { true }

    /// The task definition sets none, so ECS's default holds.
    func containers(_ setup: Setup) -> [ContainerDefinition] {
        Self.agentAlone(stopTimeout: ContainerDefinition.defaultStopTimeout)
    }

    func begin(_ pool: Pool) {
        pool.state = Counter(pool.world.setup.limits.desiredCount)
        _ = pool.service
    }

    func webhook(_ stage: TaskStage, of run: Run, done: @escaping (Bool) -> Void) {
        let world = run.world
        let service = run.pool.service
        guard let counter = run.pool.state as? Counter else { return done(true) }
        let step = stage == .prePlan || stage == .preApply ? 1 : -1
        // Parameter Store knows no condition: what others write in between is lost.
        world.tally.calls.ssm += 2
        world.after(15...60) {
            let read = counter.value
            world.after(15...60) {
                counter.value = max(0, read + step)
                service.update(min(counter.value, world.setup.limits.maxCount)) { _ in
                    done(true)
                }
            }
        }
    }
}
