import Model

/// What is deployed, as its files say it.
extension Deployed {
    /// - Parameter service: `service.tf` beside the task definition; nil where there is none, and
    ///   then the model's own percentages hold.
    init(_ definition: TaskDefinition, service: String?) throws(TaskDefinitionError) {
        self.init()
        containers = definition.containerDefinitions.map(\.model)
        guard let service else { return }
        let block = try ServiceBlock(service)
        minimumHealthyPercent = try block.number("deployment_minimum_healthy_percent")
        maximumPercent = try block.number("deployment_maximum_percent")
        breaker = CircuitBreaker(
            isOn: try block.flag("enable"),
            rollsBack: try block.flag("rollback")
        )
    }
}

/// The arguments of `aws_ecs_service.agents` in `service.tf`: literal ones, which is all that the
/// model needs of Terraform's language.
private struct ServiceBlock {
    private var values: [String: String] = [:]

    init(_ text: String) throws(TaskDefinitionError) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(of: "resource \"aws_ecs_service\" \"agents\" {") else {
            throw TaskDefinitionError(description: "service.tf has no aws_ecs_service \"agents\"")
        }
        for line in lines[(start + 1)...].prefix(while: { $0 != "}" }) {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            values[Self.trim(parts[0])] = Self.trim(parts[1])
        }
    }

    func number(_ name: String) throws(TaskDefinitionError) -> Int {
        guard let value = values[name].flatMap({ Int($0) }) else { throw missing(name, "a number") }
        return value
    }

    func flag(_ name: String) throws(TaskDefinitionError) -> Bool {
        guard let value = values[name].flatMap({ Bool($0) }) else {
            throw missing(name, "true or false")
        }
        return value
    }

    private func missing(_ name: String, _ kind: String) -> TaskDefinitionError {
        TaskDefinitionError(description: "service.tf gives no \(kind) for \(name)")
    }

    private static func trim(_ text: Substring) -> String {
        var text = text.drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

extension TaskDefinition.Container {
    /// The container as the model sees it; ECS's defaults are those of its API reference.
    var model: ContainerDefinition {
        ContainerDefinition(
            name,
            isEssential: isEssential,
            dependsOn: (dependsOn ?? []).map {
                .init(container: $0.containerName, condition: $0.condition)
            },
            health: healthCheck.map {
                .init(
                    interval: ($0.interval ?? 30) * 1_000,
                    timeout: ($0.timeout ?? 5) * 1_000,
                    retries: $0.retries ?? 3,
                    startPeriod: ($0.startPeriod ?? 0) * 1_000
                )
            },
            restart: restartPolicy.flatMap {
                $0.enabled
                    ? .init(
                        ignoredExitCodes: $0.ignoredExitCodes ?? [],
                        attemptPeriod: ($0.restartAttemptPeriod ?? 300) * 1_000
                    ) : nil
            },
            startTimeout: startTimeout.map { $0 * 1_000 },
            stopTimeout: stopTimeout.map { $0 * 1_000 } ?? ContainerDefinition.defaultStopTimeout
        )
    }
}
