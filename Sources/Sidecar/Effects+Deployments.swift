import AWS
import Decisions
import Ports
import Synchronization
import Telemetry

/// The service's deployments.
extension Effects {
    func look() async -> Rollout? {
        do {
            return await rollout(in: try await service.counts())
        } catch {
            journal.once(
                .deploymentsUnreadable,
                "the service's deployments cannot be read: \(error)"
            )
            return nil
        }
    }

    /// The task's own start is asked for while a deployment is under way only: without one, its task
    /// definition says enough.
    func rollout(in counts: ServiceCounts) async -> Rollout {
        let isOpen = Rollout.isOpen(counts.deployments)
        return Rollout(
            counts.deployments,
            start: isOpen ? await start.read(journal) : nil,
            hasOlderDefinition: metadata.isOutdated(in: counts)
        )
    }
}

/// What ECS says of this task's start. It never changes, so it is read once.
final class OwnStart: Sendable {
    private let ask: @Sendable () async throws -> TaskStart
    private let known = Mutex<TaskStart?>(nil)

    init(_ ask: @escaping @Sendable () async throws -> TaskStart) { self.ask = ask }

    /// - Returns: nil when ECS does not say; asked again the next time.
    func read(_ journal: Journal) async -> TaskStart? {
        if let start = known.withLock({ $0 }) { return start }
        do {
            let start = try await ask()
            known.withLock { $0 = start }
            return start
        } catch {
            journal.once(
                .ownDeploymentUnreadable,
                "the task's own deployment cannot be read, so that task definitions are compared",
                "\(error)"
            )
            return nil
        }
    }
}
