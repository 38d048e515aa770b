/// How a service is set, as ECS describes it (Amazon ECS API reference, Service). What an answer leaves
/// out is nil.
package struct ServiceSettings: Decodable, Hashable, Sendable {
    package let status: String?
    package let launchType: String?
    package let capacityProviderStrategy: [Capacity]?
    package let platformVersion: String?
    package let taskDefinition: String?
    package let desiredCount: Int?
    package let deploymentConfiguration: Deployment?
    package let deploymentController: Controller?
    package let schedulingStrategy: String?
    package let networkConfiguration: Network?
    package let enableExecuteCommand: Bool?
    package let availabilityZoneRebalancing: String?

    package struct Capacity: Decodable, Hashable, Sendable {
        package let capacityProvider: String?
    }

    package struct Controller: Decodable, Hashable, Sendable { package let type: String? }

    package struct Deployment: Decodable, Hashable, Sendable {
        package let minimumHealthyPercent: Int?
        package let maximumPercent: Int?
        package let deploymentCircuitBreaker: Breaker?
    }

    package struct Breaker: Decodable, Hashable, Sendable {
        package let enable: Bool?
        package let rollback: Bool?
    }

    package struct Network: Decodable, Hashable, Sendable {
        package let awsvpcConfiguration: Interfaces?
    }

    package struct Interfaces: Decodable, Hashable, Sendable {
        package let subnets: [String]?
        package let securityGroups: [String]?
        package let assignPublicIp: String?
    }
}

/// A task definition, as far as this system needs it to be of a form (Amazon ECS API reference,
/// TaskDefinition).
package struct DefinitionSettings: Decodable, Hashable, Sendable {
    package let family: String?
    package let revision: Int?
    package let status: String?
    package let networkMode: String?
    package let requiresCompatibilities: [String]?
    package let cpu: String?
    package let taskRoleArn: String?
    package let executionRoleArn: String?
    package let volumes: [Volume]?
    package let containerDefinitions: [Container]?

    package struct Volume: Decodable, Hashable, Sendable { package let name: String? }

    package struct Pair: Decodable, Hashable, Sendable {
        package let name: String?
        package let value: String?
    }

    package struct Secret: Decodable, Hashable, Sendable {
        package let name: String?
        package let valueFrom: String?
    }

    package struct Mount: Decodable, Hashable, Sendable {
        package let sourceVolume: String?
        package let containerPath: String?
        package let readOnly: Bool?
    }

    package struct Dependency: Decodable, Hashable, Sendable {
        package let containerName: String?
        package let condition: String?
    }

    package struct Restarts: Decodable, Hashable, Sendable { package let enabled: Bool? }

    package struct Log: Decodable, Hashable, Sendable {
        package let logDriver: String?
        package let options: [String: String]?
    }

    package struct Container: Decodable, Hashable, Sendable {
        package let name: String?
        package let image: String?
        package let essential: Bool?
        package let entryPoint: [String]?
        package let command: [String]?
        package let environment: [Pair]?
        package let secrets: [Secret]?
        package let mountPoints: [Mount]?
        package let dependsOn: [Dependency]?
        package let restartPolicy: Restarts?
        package let startTimeout: Int?
        package let stopTimeout: Int?
        package let logConfiguration: Log?

        /// The value of a plain variable.
        package func value(_ name: String) -> String? {
            environment?.first { $0.name == name }?.value
        }
    }

    package func container(_ name: String) -> Container? {
        containerDefinitions?.first { $0.name == name }
    }
}

extension ECSClient {
    package func inspectService(
        cluster: String,
        service: String
    ) async throws(AWSFailure) -> ServiceSettings {
        try await described(cluster, service)
    }

    /// - Parameter name: an ARN, or `family:revision`.
    package func inspectDefinition(
        _ name: String
    ) async throws(AWSFailure) -> DefinitionSettings {
        struct Input: Encodable { let taskDefinition: String }
        struct Answer: Decodable { let taskDefinition: DefinitionSettings }
        let input = Input(taskDefinition: name)
        let answer: Answer = try await aws.call(.ecs, "DescribeTaskDefinition", .harmless, input)
        return answer.taskDefinition
    }
}
