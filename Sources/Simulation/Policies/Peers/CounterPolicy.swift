import Decisions
import Model

/// The counter of assareh/tfc-agent (producer): run tasks read a number, change it by one and write
/// it back; the service gets it, bounded by the maximum. Agents take one job.
final class CounterPolicy: Policy {
    let usesRunTasks = true

    func isSingleJob(_ setup: Setup) -> Bool { true }

    /// The task definition sets none, so ECS's default holds.
    func containers(_ setup: Setup) -> [ContainerDefinition] {
        Self.agentAlone(stopTimeout: ContainerDefinition.defaultStopTimeout)
    }

    func keep(_ pool: Pool) -> any Keeper { Counter(pool.service) }

    private final class Counter: Keeper {
        private unowned let service: Service
        private var value: Int

        init(_ service: Service) {
            self.service = service
            value = service.limits.desiredCount
        }

        func webhook(_ stage: TaskStage, of run: SimulatedRun, done: @escaping (Bool) -> Void) {
            let world = service.world
            let step = stage == .prePlan || stage == .preApply ? 1 : -1
            // Parameter Store knows no condition: what others write in between is lost.
            world.tally.calls.ssm += 2
            world.after(15...60) { [self] in
                let read = value
                world.after(15...60) { [self] in
                    value = max(0, read + step)
                    service.update(min(value, service.limits.maxCount)) { _ in done(true) }
                }
            }
        }
    }
}
