package import Decisions
package import Ports

/// A service with what only a person looks at (Amazon ECS API reference, Service).
package struct ServiceDescription: Hashable, Sendable {
    package let counts: ServiceCounts
    package let deployments: [DeploymentDescription]
    /// Newest first; ECS keeps a hundred.
    package let events: [ServiceMessage]

    package init(
        counts: ServiceCounts,
        deployments: [DeploymentDescription] = [],
        events: [ServiceMessage] = []
    ) {
        self.counts = counts
        self.deployments = deployments
        self.events = events
    }
}

/// One deployment, with what it deploys and ECS's words about it.
package struct DeploymentDescription: Hashable, Sendable {
    package let view: DeploymentView
    /// The task definition as `family:revision`.
    package let definition: String?
    /// `rolloutStateReason`.
    package let reason: String?

    package init(_ view: DeploymentView, definition: String? = nil, reason: String? = nil) {
        self.view = view
        self.definition = definition
        self.reason = reason
    }
}

/// An event of a service, in ECS's words.
package struct ServiceMessage: Hashable, Sendable {
    package let at: WallTime?
    package let text: String

    package init(at: WallTime?, text: String) {
        self.at = at
        self.text = text
    }
}

extension ECSClient {
    /// As ``describeService(cluster:service:)``, with deployments and events in ECS's words.
    package func lookAtService(
        cluster: String,
        service: String
    ) async throws(AWSFailure) -> ServiceDescription {
        try await described(cluster, service, as: Look.self).description
    }

    private struct Look: Decodable {
        let description: ServiceDescription

        init(from decoder: any Decoder) throws {
            let service = try ServiceAnswer(from: decoder)
            let rest = try Rest(from: decoder)
            description = ServiceDescription(
                counts: service.counts,
                deployments: (service.deployments ?? []).filter { $0.status != "INACTIVE" }.map {
                    DeploymentDescription(
                        $0.deployment,
                        definition: $0.taskDefinition.map(TaskDescription.shortName),
                        reason: $0.rolloutStateReason
                    )
                },
                events: (rest.events ?? []).compactMap { event in
                    event.message.map { ServiceMessage(at: event.createdAt?.time, text: $0) }
                }
            )
        }

        private struct Rest: Decodable {
            let events: [Event]?

            struct Event: Decodable {
                let createdAt: Timestamp?
                let message: String?
            }
        }
    }
}
