import Decisions
package import Model

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

        /// The key of the signature, then a look at the service that only the log tells of, and the
        /// number (tfc-agent-ecs/producer/files/function/main.py).
        func webhook(_ stage: TaskStage, of run: SimulatedRun, done: @escaping (Bool) -> Void) {
            let world = service.world
            world.tally.calls.ssm += 1
            world.after(15...60) { [self] in
                service.describe { [self] counts in
                    guard counts != nil else { return done(false) }
                    count(stage, done)
                }
            }
        }

        private func count(_ stage: TaskStage, _ done: @escaping (Bool) -> Void) {
            let world = service.world
            // Parameter Store knows no condition: what others write in between is lost.
            world.tally.calls.ssm += 2
            world.after(15...60) { [self] in
                let read = value
                world.after(15...60) { [self] in
                    let next = CounterRule.count(
                        read,
                        at: stage,
                        maxCount: service.limits.maxCount
                    )
                    value = next.value
                    service.update(next.desired) { _ in done(true) }
                }
            }
        }
    }
}

/// What a call of the run task makes of the counter, as a value.
package enum CounterRule {
    /// - Returns: the number that is written back, and the service's count.
    package static func count(
        _ value: Int,
        at stage: TaskStage,
        maxCount: Int
    ) -> (value: Int, desired: Int) {
        let next =
            switch stage {
            case .prePlan, .preApply: value + 1
            case .postPlan, .postApply: max(0, value - 1)
            }
        // The number itself has no bound: what is above the maximum is owed to later calls.
        return (next, min(next, maxCount))
    }
}
