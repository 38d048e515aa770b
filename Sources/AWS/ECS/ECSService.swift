package import Decisions
package import Ports

/// One service of one cluster.
package struct ECSService: ServicePort {
    private let ecs: ECSClient
    private let cluster: String
    private let service: String

    package init(_ ecs: ECSClient, cluster: String, service: String) {
        self.ecs = ecs
        self.cluster = cluster
        self.service = service
    }

    package func setDesiredCount(_ count: Int) async throws(ServiceFailure) -> ServiceCounts {
        do {
            return try await ecs.updateService(
                cluster: cluster,
                service: service,
                desiredCount: count
            )
        } catch {
            throw ServiceFailure(afterUpdate: error)
        }
    }

    package func counts() async throws(ServiceFailure) -> ServiceCounts {
        do {
            return try await ecs.describeService(cluster: cluster, service: service)
        } catch {
            throw .unread(cause: "\(error)")
        }
    }

    package func tasks() async throws(ServiceFailure) -> [TaskID] {
        do {
            return try await ecs.listTasks(cluster: cluster, service: service)
        } catch {
            throw .unread(cause: "\(error)")
        }
    }
}

extension ServiceFailure {
    fileprivate init(afterUpdate failure: AWSFailure) {
        switch failure.cause {
        // ECS API reference, UpdateService.
        case .service(code: "ServiceNotActiveException", _, _): self = .ending(cause: "\(failure)")
        default:
            self =
                failure.mayHaveTakenEffect
                ? .unclear(cause: "\(failure)") : .unchanged(cause: "\(failure)")
        }
    }
}
