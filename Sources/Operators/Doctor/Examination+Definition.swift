import AWS

/// The names of the task's containers (`ecs-task-def/task-definition.json`).
enum ContainerName {
    static let delivery = "launcher-delivery"
    static let sidecar = "agent-sidecar"
    static let agent = "tfc-agent"
}

extension Examination {
    /// The task definition that new tasks are started from, against what the module writes.
    var definitionDiagnoses: [Diagnosis] {
        var judge = Judge(.definition)
        guard case .seen(let definition) = definition else {
            if case .unseen(let why) = definition {
                judge.cannotTell("definition.described", why)
            }
            return judge.diagnoses
        }
        let name = "\(definition.family ?? "?"):\(definition.revision ?? 0)"
        judge.expect(
            "definition.status",
            definition.status != "INACTIVE",
            "\(name) \(definition.status ?? "")",
            "it was deregistered: terraform apply registers another one"
        )
        judge.expect(
            "definition.roles",
            definition.taskRoleArn != nil && definition.executionRoleArn != nil,
            "task role \(definition.taskRoleArn == nil ? "missing" : "set"), execution role "
                + (definition.executionRoleArn == nil ? "missing" : "set"),
            "without a task role no sidecar can protect or book anything; without an execution role "
                + "no image of ECR and no secret can be read"
        )
        guard let delivery = definition.container(ContainerName.delivery),
            let sidecar = definition.container(ContainerName.sidecar),
            let agent = definition.container(ContainerName.agent)
        else {
            let names = (definition.containerDefinitions ?? []).compactMap(\.name)
            judge.expect(
                "definition.containers",
                false,
                names.joined(separator: ", "),
                "it needs the containers launcher-delivery, agent-sidecar and tfc-agent"
            )
            return judge.diagnoses
        }
        let all = "launcher-delivery, agent-sidecar and tfc-agent"
        judge.expect("definition.containers", true, all, "")
        judgeDelivery(delivery, sidecar, &judge)
        judgeSidecar(sidecar, &judge)
        judgeAgent(agent, &judge)
        judgeVolume([delivery, sidecar], agent, &judge)
        judgeEnvironment(sidecar, agent, &judge)
        return judge.diagnoses
    }

    private func judgeDelivery(
        _ delivery: DefinitionSettings.Container,
        _ sidecar: DefinitionSettings.Container,
        _ judge: inout Judge
    ) {
        let command = (delivery.command ?? []).joined(separator: " ")
        judge.expect(
            "definition.delivery",
            command == "deliver" && delivery.image == sidecar.image,
            "\(delivery.image ?? "no image"): \(command)",
            "launcher-delivery must run `deliver` of agent-sidecar's own image: else launcher and "
                + "sidecar may not understand each other"
        )
        judge.expect(
            "definition.start_timeout",
            (delivery.startTimeout).map { (2...120).contains($0) } ?? false,
            delivery.startTimeout.map { "\($0) s" } ?? "not set",
            "set its startTimeout to 120: without it a task whose launcher does not come waits for "
                + "hours"
        )
    }

    private func judgeSidecar(
        _ sidecar: DefinitionSettings.Container,
        _ judge: inout Judge
    ) {
        judge.expect(
            "definition.sidecar_not_essential",
            sidecar.essential == false,
            sidecar.essential == false ? "the agent outlives its sidecar" : "it is essential",
            "set essential to false: else a sidecar that ends takes the agent's job with it"
        )
        judge.expect(
            "definition.sidecar_restarts",
            sidecar.restartPolicy?.enabled == true,
            sidecar.restartPolicy?.enabled == true ? "it is restarted" : "no restart policy",
            "turn its restart policy on: without a sidecar an agent books no departure"
        )
    }

    private func judgeAgent(_ agent: DefinitionSettings.Container, _ judge: inout Judge) {
        judge.expect(
            "definition.agent_essential",
            agent.essential != false,
            agent.essential != false ? "the task ends with its agent" : "it is not essential",
            "leave essential true: else tasks without an agent stay"
        )
        judge.expect(
            "definition.launcher",
            agent.entryPoint?.first?.hasSuffix("/agent-launcher") == true,
            agent.entryPoint?.joined(separator: " ") ?? "the image's own",
            "the agent must start through agent-launcher, or a stop signal of ECS drops its job"
        )
        let waits = Set(
            (agent.dependsOn ?? []).map { "\($0.containerName ?? "?") \($0.condition ?? "?")" }
        )
        judge.expect(
            "definition.depends_on",
            waits.isSuperset(of: ["\(ContainerName.delivery) SUCCESS"])
                && !waits.isDisjoint(
                    with: ["START", "HEALTHY"].map { "\(ContainerName.sidecar) \($0)" }
                ),
            waits.isEmpty ? "it waits for nothing" : waits.sorted().joined(separator: ", "),
            "let tfc-agent depend on launcher-delivery's SUCCESS, which brings what it starts with, "
                + "and on agent-sidecar's START, so that a stop reaches the agent first"
        )
        judge.expect(
            "definition.stop_timeout",
            agent.stopTimeout == 120,
            agent.stopTimeout.map { "\($0) s" } ?? "30 s, the default",
            "set stopTimeout to 120, the most there is: an agent that is stopped at work needs it"
        )
        let token = "TFC_AGENT_TOKEN"
        let isSecret = (agent.secrets ?? []).contains { $0.name == token }
        judge.expect(
            "definition.token_secret",
            isSecret && agent.value(token) == nil,
            agent.value(token) != nil
                ? "the token stands in the task definition"
                : (isSecret ? "the token is a secret" : "there is no token"),
            "give TFC_AGENT_TOKEN as a secret from SSM, and revoke one that stood in plain text"
        )
        let update = agent.value("TFC_AGENT_AUTO_UPDATE")
        judge.expect(
            "definition.auto_update",
            update == "disabled",
            update ?? "on, the default",
            else: .doubtful,
            "set TFC_AGENT_AUTO_UPDATE to disabled: the image decides which agent runs"
        )
    }

    private func judgeVolume(
        _ own: [DefinitionSettings.Container],
        _ agent: DefinitionSettings.Container,
        _ judge: inout Judge
    ) {
        func mount(_ container: DefinitionSettings.Container) -> DefinitionSettings.Mount? {
            let directory = container.value("AGENT_LINK_DIR") ?? "/run/agent-link"
            return container.mountPoints?.first { $0.containerPath == directory }
        }
        let its = mount(agent)
        judge.expect(
            "definition.link_volume",
            its?.sourceVolume != nil
                && own.allSatisfy { mount($0)?.sourceVolume == its?.sourceVolume },
            (own + [agent]).map { "\($0.name ?? "?"): \(mount($0)?.sourceVolume ?? "none")" }
                .joined(separator: ", "),
            "mount one volume in each of the three at AGENT_LINK_DIR: launcher and link are on it"
        )
        judge.expect(
            "definition.link_read_only",
            own.allSatisfy { mount($0)?.readOnly != true } && its?.readOnly == true,
            its?.readOnly == true ? "the agent only reads it" : "the agent may write it",
            "mount it writable in launcher-delivery and agent-sidecar and readOnly in tfc-agent, or "
                + "a run can replace the launcher"
        )
    }

    private func judgeEnvironment(
        _ sidecar: DefinitionSettings.Container,
        _ agent: DefinitionSettings.Container,
        _ judge: inout Judge
    ) {
        let table = sidecar.value("LEDGER_TABLE") ?? "not set"
        judge.expect(
            "definition.ledger_table",
            table == ledgerTable,
            table,
            "LEDGER_TABLE must be \(ledgerTable), or sidecars and endpoint keep two ledgers"
        )
        let cluster = sidecar.value("ECS_CLUSTER").flatMap { ECSName($0, .cluster) }?.short
        let service = sidecar.value("ECS_SERVICE").flatMap { ECSName($0, .service) }?.short
        judge.expect(
            "definition.place",
            (cluster ?? place.cluster) == place.cluster
                && (service ?? place.service) == place.service,
            "\(cluster ?? place.cluster)/\(service ?? place.service)",
            "ECS_CLUSTER and ECS_SERVICE must name \(place.cluster) and \(place.service), or be unset"
        )
        let addresses = [sidecar, agent].map { $0.value("TFC_ADDRESS") ?? terraform.address }
        judge.expect(
            "definition.address",
            addresses[0] == addresses[1],
            addresses[1],
            "sidecar and agent have different TFC_ADDRESS"
        )
        let modes = [sidecar, agent].map { $0.value("AGENT_MODE") ?? "" }
        judge.expect(
            "definition.mode",
            modes[0] == modes[1],
            modes[1].isEmpty ? "the default" : modes[1],
            "sidecar and agent have different AGENT_MODE: one waits for what the other never does"
        )
        let level = agent.value("TFC_AGENT_LOG_LEVEL") ?? "info"
        judge.expect(
            "definition.agent_log_level",
            ["trace", "debug", "info"].contains(level.lowercased()),
            level,
            else: .doubtful,
            "leave TFC_AGENT_LOG_LEVEL at info: above it idle and busy cannot be told apart, so the "
                + "launcher overrules it"
        )
    }
}
