import AWS
import Decisions
import Ports

extension Examination {
    /// The service's own settings, against what the module writes.
    var serviceDiagnoses: [Diagnosis] {
        var judge = Judge(.service)
        guard case .seen(let service) = service else {
            if case .unseen(let why) = service { judge.cannotTell("service.described", why) }
            return judge.diagnoses
        }
        judgeState(service, &judge)
        judgeDeployments(service, &judge)
        return judge.diagnoses
    }

    private func judgeState(_ service: ServiceSettings, _ judge: inout Judge) {
        judge.expect(
            "service.active",
            service.status == "ACTIVE",
            service.status ?? "no status",
            "the service is being deleted, or was: make it again by terraform apply"
        )
        if let book = ledger.value?.ledger, book.isWritten, let desired = service.desiredCount {
            judge.expect(
                "service.follows",
                desired == book.size,
                "ECS wants \(desired) tasks, the ledger \(book.size)",
                else: .doubtful,
                "look again in a minute: the sweep mends it, or its log says why not"
            )
        }
        let providers = (service.capacityProviderStrategy ?? []).compactMap(\.capacityProvider)
        judge.expect(
            "service.capacity",
            !providers.contains("FARGATE_SPOT"),
            providers.isEmpty
                ? service.launchType ?? "no launch type" : providers.joined(separator: ", "),
            else: .doubtful,
            "Spot takes tasks back within two minutes, whatever they run: set spot_share to 0 if no "
                + "run may be lost"
        )
        let version = service.platformVersion ?? "LATEST"
        judge.expect(
            "service.platform",
            ["LATEST", "1.4.0"].contains(version),
            version,
            "task protection needs platform 1.4.0: set it, or LATEST"
        )
        let network = service.networkConfiguration?.awsvpcConfiguration
        let (subnets, groups) = (network?.subnets?.count ?? 0, network?.securityGroups?.count ?? 0)
        judge.expect(
            "service.network",
            subnets > 0 && groups > 0,
            "\(subnets) subnets, \(groups) security groups, public addresses "
                + (network?.assignPublicIp ?? "not set"),
            "tasks need subnets and a security group of their own; without public addresses the "
                + "subnets need a NAT gateway, or endpoints of the VPC"
        )
        judge.expect(
            "service.rebalancing",
            service.availabilityZoneRebalancing != "ENABLED",
            service.availabilityZoneRebalancing ?? "not set",
            "turn it off: it stops tasks in one zone to start them in another"
        )
    }

    private func judgeDeployments(_ service: ServiceSettings, _ judge: inout Judge) {
        let deployment = service.deploymentConfiguration
        judge.expect(
            "service.minimum_percent",
            deployment?.minimumHealthyPercent == 0,
            deployment?.minimumHealthyPercent.map { "\($0) %" } ?? "not set",
            "set deployment_minimum_healthy_percent to 0, or a deployment at max_count never ends"
        )
        judge.expect(
            "service.maximum_percent",
            deployment?.maximumPercent == 100,
            deployment?.maximumPercent.map { "\($0) %" } ?? "not set",
            "set deployment_maximum_percent to 100: above it a deployment runs more agents than "
                + "max_count"
        )
        let breaker = deployment?.deploymentCircuitBreaker
        judge.expect(
            "service.breaker",
            breaker?.enable == true && breaker?.rollback == true,
            breaker?.enable == true
                ? (breaker?.rollback == true ? "on, rolls back" : "on, without rollback") : "off",
            else: .doubtful,
            "turn the circuit breaker on with rollback, or a revision that cannot start stays"
        )
        let controller = service.deploymentController?.type ?? "ECS"
        judge.expect(
            "service.controller",
            controller == "ECS",
            controller,
            "another controller moves tasks by rules of its own: use ECS's rolling update"
        )
        let scheduling = service.schedulingStrategy ?? "REPLICA"
        judge.expect(
            "service.scheduling",
            scheduling == "REPLICA",
            scheduling,
            "only a REPLICA service has a count that can be set"
        )
    }

    /// Whether live tasks are protected.
    var protectionDiagnoses: [Diagnosis] {
        var judge = Judge(.protection)
        guard case .seen(let tasks) = tasks else {
            if case .unseen(let why) = tasks { judge.cannotTell("protection.tasks", why) }
            return judge.diagnoses
        }
        guard case .seen(let safe) = protectedTasks else {
            if case .unseen(let why) = protectedTasks {
                judge.cannotTell("protection.tasks", why)
            }
            return judge.diagnoses
        }
        // One whose agent has left gives protection back before its task ends.
        let working = Set((ledger.value?.ledger.jobs.values).map { $0.compactMap(\.task) } ?? [])
        let bare = tasks.filter { $0.state == "RUNNING" && !safe.contains($0.id) }.map(\.id)
        let atRisk = bare.filter(working.contains)
        judge.expect(
            "protection.tasks",
            atRisk.isEmpty,
            atRisk.isEmpty
                ? "\(safe.count) of \(tasks.count) tasks are protected, every one with a job"
                : "unprotected at work: " + atRisk.map(\.shortText).joined(separator: ", "),
            "lower nothing by hand while they work; their sidecars' logs say why ECS refuses"
        )
        return judge.diagnoses
    }
}
