package import AWS

extension SettingsReader {
    /// Where AWS is and who asks.
    ///
    /// - Parameter region: the region when it is known from elsewhere, after the variables.
    /// - Returns: nil after a fault.
    package mutating func aws(
        region: String? = nil
    ) -> (environment: AWSEnvironment, credentials: CredentialsSource)? {
        var place: AWSEnvironment?
        var credentials: CredentialsSource?
        do throws(AWSSettingsFailure) {
            place = try AWSEnvironment(environment, region: region)
        } catch {
            for text in error.problems { problem(text) }
        }
        do throws(AWSSettingsFailure) {
            credentials = try CredentialsSource(environment)
        } catch {
            for text in error.problems { problem(text) }
        }
        guard let place, let credentials else { return nil }
        return (place, credentials)
    }

    /// `ECS_CLUSTER` and `ECS_SERVICE` as they are given: each a name or an ARN; nil where one is
    /// not set. A service's ARN that names another cluster is a fault.
    package mutating func ecsNames() -> (cluster: ECSName?, service: ECSName?) {
        let cluster = ecsName("ECS_CLUSTER", .cluster)
        let service = ecsName("ECS_SERVICE", .service)
        if let cluster, let other = service?.cluster, other != cluster.short {
            problem(
                "ECS_SERVICE is in cluster \(other), but ECS_CLUSTER is \(cluster.short); "
                    + "expected: the same cluster in both"
            )
        }
        return (cluster, service)
    }

    /// The service that `ECS_CLUSTER` and `ECS_SERVICE` name; both are required.
    package mutating func requiredECSPlace() -> ECSPlace {
        _ = required("ECS_CLUSTER", expected: "the name of the ECS cluster")
        _ = required("ECS_SERVICE", expected: "the name of the ECS service")
        let (cluster, service) = ecsNames()
        return ECSPlace(cluster: cluster?.short ?? "", service: service?.short ?? "")
    }

    private mutating func ecsName(_ name: String, _ kind: ECSName.Kind) -> ECSName? {
        guard let text = value(name) else { return nil }
        guard let found = ECSName(text, kind) else {
            fault(name, value: text, expected: "the name or the ARN of an ECS \(kind.rawValue)")
            return nil
        }
        return found
    }
}
