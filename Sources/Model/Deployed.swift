/// What `ecs-task-def/` deploys, as far as the model depends on it. The defaults are what the
/// files say; a test fails when one of them changes here or there alone.
package struct Deployed: Hashable, Sendable {
    /// In percent of `desiredCount` (ECS API reference, DeploymentConfiguration).
    package var minimumHealthyPercent = 0
    package var maximumPercent = 100
    package var breaker = CircuitBreaker(isOn: true, rollsBack: true)
    package var containers = [Self.delivery, Self.sidecar, Self.agent]

    package init() {}

    package static let deliveryName = "launcher-delivery"
    package static let sidecarName = "agent-sidecar"
    package static let agentName = "tfc-agent"

    package static let delivery = ContainerDefinition(
        deliveryName,
        isEssential: false,
        startTimeout: 120.seconds
    )

    package static let sidecar = ContainerDefinition(
        sidecarName,
        isEssential: false,
        restart: .init(ignoredExitCodes: [], attemptPeriod: 60.seconds),
        stopTimeout: 30.seconds
    )

    package static let agent = ContainerDefinition(
        agentName,
        dependsOn: [
            .init(container: deliveryName, condition: .success),
            .init(container: sidecarName, condition: .start),
        ],
        stopTimeout: 120.seconds
    )
}

/// A deployment's circuit breaker (ECS API reference, DeploymentCircuitBreaker).
package struct CircuitBreaker: Hashable, Sendable {
    package var isOn: Bool
    package var rollsBack: Bool

    package init(isOn: Bool, rollsBack: Bool) {
        self.isOn = isOn
        self.rollsBack = rollsBack
    }

    /// Starts that fail one after the other until it acts: half of `desiredCount`, but 3 to 200
    /// (ECS API reference, ThresholdConfiguration, BOUNDED_PERCENT 50, the default).
    package static func threshold(desired: Int) -> Int { min(max((desired + 1) / 2, 3), 200) }
}

/// A container of a task definition, as far as a task's life depends on it; times in milliseconds.
package struct ContainerDefinition: Hashable, Sendable {
    /// ECS API reference, ContainerDependency.
    package enum Condition: String, Hashable, Sendable, Decodable {
        case start = "START"
        /// It has ended, with whatever code.
        case complete = "COMPLETE"
        /// It has ended with code 0.
        case success = "SUCCESS"
        case healthy = "HEALTHY"
    }

    package struct Dependency: Hashable, Sendable {
        package let container: String
        package let condition: Condition

        package init(container: String, condition: Condition) {
            self.container = container
            self.condition = condition
        }
    }

    /// ECS API reference, HealthCheck.
    package struct HealthCheck: Hashable, Sendable {
        package let interval: Milliseconds
        package let timeout: Milliseconds
        package let retries: Int
        /// Checks that fail this early do not count.
        package let startPeriod: Milliseconds

        package init(
            interval: Milliseconds,
            timeout: Milliseconds,
            retries: Int,
            startPeriod: Milliseconds
        ) {
            self.interval = interval
            self.timeout = timeout
            self.retries = retries
            self.startPeriod = startPeriod
        }
    }

    /// ECS API reference, ContainerRestartPolicy.
    package struct Restart: Hashable, Sendable {
        package let ignoredExitCodes: [Int]
        /// A container that ran for less is not started again.
        package let attemptPeriod: Milliseconds

        package init(ignoredExitCodes: [Int], attemptPeriod: Milliseconds) {
            self.ignoredExitCodes = ignoredExitCodes
            self.attemptPeriod = attemptPeriod
        }
    }

    package let name: String
    package let isEssential: Bool
    package let dependsOn: [Dependency]
    package let health: HealthCheck?
    package let restart: Restart?
    /// How long others wait for this one, before their task ends; nil waits for ever here.
    package let startTimeout: Milliseconds?
    /// Between SIGTERM and SIGKILL.
    package let stopTimeout: Milliseconds

    package init(
        _ name: String,
        isEssential: Bool = true,
        dependsOn: [Dependency] = [],
        health: HealthCheck? = nil,
        restart: Restart? = nil,
        startTimeout: Milliseconds? = nil,
        stopTimeout: Milliseconds = Self.defaultStopTimeout
    ) {
        self.name = name
        self.isEssential = isEssential
        self.dependsOn = dependsOn
        self.health = health
        self.restart = restart
        self.startTimeout = startTimeout
        self.stopTimeout = stopTimeout
    }

    /// Fargate's (ECS API reference, ContainerDefinition, stopTimeout).
    package static let defaultStopTimeout: Milliseconds = 30.seconds
}
