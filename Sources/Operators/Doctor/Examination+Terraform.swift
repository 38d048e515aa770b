import Decisions
import HCPTerraform
import Ports

extension Examination {
    var terraformDiagnoses: [Diagnosis] {
        var judge = Judge(.terraform)
        switch terraform.isThere {
        case .unseen(let why): judge.cannotTell("terraform.address", why)
        case .seen(let isThere):
            judge.expect(
                "terraform.address",
                isThere,
                terraform.address,
                "nothing there is HCP Terraform or Terraform Enterprise: mend TFC_ADDRESS, or the "
                    + "way to it (443 outwards)"
            )
        }
        judgeOrganization(&judge)
        judgePool(&judge)
        judgeRunTask(&judge)
        return judge.diagnoses
    }

    private func judgeOrganization(_ judge: inout Judge) {
        switch terraform.entitlements {
        case .unseen(let why):
            // A token that is refused is a fault; none at all only says nothing.
            let isRefused = why.contains("(status 401)") || why.contains("(status 404)")
            let advice =
                "give an API token that may read the organization: of a team, not of the organization "
                + "or the pool"
            if isRefused {
                judge.expect("terraform.token", false, why, advice)
            } else {
                judge.cannotTell("terraform.token", why)
            }
        case .seen(let edition):
            judge.expect("terraform.token", true, "it may read the organization", "")
            judge.expect(
                "terraform.agents_entitled",
                edition.agents != false,
                edition.agents.map { $0 ? "agents are in this edition" : "no agents" }
                    ?? "the answer does not say",
                "this edition has no agents of one's own"
            )
            judge.expect(
                "terraform.run_tasks_entitled",
                edition.runTasks != false,
                edition.runTasks.map { $0 ? "run tasks are in this edition" : "no run tasks" }
                    ?? "the answer does not say",
                "this edition has no run tasks: keep desired_count at 1 or more"
            )
        }
        switch terraform.allowance {
        case .unseen(let why): judge.cannotTell("terraform.allowance", why)
        case .seen(nil): judge.cannotTell("terraform.allowance", "the answer does not say")
        case .seen(let count?):
            guard let most = ledger.value?.limits.maxCount else {
                judge.cannotTell(
                    "terraform.allowance",
                    "\(count) agents, but max_count could not be read"
                )
                return
            }
            judge.expect(
                "terraform.allowance",
                count >= most,
                "\(count) agents, max_count \(most)",
                "agents above the allowance cannot register: lower max_count, or buy more"
            )
        }
    }

    private func judgePool(_ judge: inout Judge) {
        guard let pool = terraform.pool else {
            judge.cannotTell(
                "terraform.pool",
                "TFC_AGENT_POOL_NAME and TFC_AGENT_POOL_ID are not both set"
            )
            return
        }
        switch terraform.poolName {
        case .unseen(let why): judge.cannotTell("terraform.pool", "\(pool.id): \(why)")
        case .seen(let name):
            judge.expect(
                "terraform.pool",
                name == pool.name,
                "\(pool.id) is \(name)",
                "TFC_AGENT_POOL_NAME is \(pool.name): the sweep then looks for another pool's runs"
            )
        }
        guard let workspace = terraform.workspace else { return }
        switch workspace.place {
        case .unseen(let why): judge.cannotTell("terraform.workspace", why)
        case .seen(nil):
            judge.cannotTell(
                "terraform.workspace",
                "HCP Terraform does not say in which pool \(workspace.name) runs"
            )
        case .seen(.withoutAgents(let mode)?):
            judge.expect(
                "terraform.workspace",
                false,
                "\(workspace.name) runs in mode \(mode)",
                "set its execution mode to agent, and its pool to \(pool.name)"
            )
        case .seen(.pool(let id)?):
            judge.expect(
                "terraform.workspace",
                id == pool.id,
                "\(workspace.name) runs in \(id)",
                "set its agent pool to \(pool.name)"
            )
        }
    }

    private func judgeRunTask(_ judge: inout Judge) {
        guard let url = endpoint.url else { return }
        guard case .seen(let tasks) = terraform.runTasks else {
            if case .unseen(let why) = terraform.runTasks {
                judge.cannotTell("terraform.run_task", why)
            }
            return
        }
        guard let task = tasks.first(where: { $0.calls(url) }) else {
            judge.expect(
                "terraform.run_task",
                false,
                "none of \(tasks.count) run tasks calls \(url)",
                "make one with this URL and the HMAC key of the endpoint"
            )
            return
        }
        judge.expect(
            "terraform.run_task",
            task.isEnabled,
            "\(task.name), \(task.isEnabled ? "enabled" : "disabled")",
            "enable it in the organization's settings"
        )
        let global = task.stages.map { Sighting.seen($0) }
        switch global ?? terraform.stages {
        case .unseen(let why): judge.cannotTell("terraform.stages", why)
        case .seen(let stages):
            let missing = ["pre_plan", "pre_apply"].filter { !stages.contains($0) }
            judge.expect(
                "terraform.stages",
                missing.isEmpty,
                stages.joined(separator: ", "),
                "attach it to the stages \(missing.joined(separator: " and ")): no agent starts for "
                    + "what follows them"
            )
        }
    }

    var endpointDiagnoses: [Diagnosis] {
        var judge = Judge(.endpoint)
        if seat == .function {
            switch endpoint.key {
            case .unseen(let why):
                judge.expect(
                    "endpoint.key",
                    false,
                    why,
                    // The endpoint takes such a key as it is, and complains.
                    else: why.contains("white space") ? .doubtful : .faulty,
                    "mend the parameter, or the right to read it: without its key the endpoint "
                        + "refuses every call"
                )
            case .seen: judge.expect("endpoint.key", true, "the run task's key can be read", "")
            }
        }
        guard endpoint.url != nil else {
            judge.cannotTell(
                "endpoint.signature",
                seat == .function
                    ? "from within, the endpoint cannot see how it is reached"
                    : "the endpoint's URL was not given",
                advice: "give --url with terraform output webhook_url"
            )
            return judge.diagnoses
        }
        judge.answer(
            "endpoint.signature",
            endpoint.signed,
            expected: 200,
            "a signed request is not 200: the run task's key and the endpoint's differ, or the "
                + "endpoint cannot read its own"
        )
        switch endpoint.version {
        case .unseen(let why): judge.cannotTell("endpoint.version", why)
        case .seen(nil): judge.cannotTell("endpoint.version", "its answer does not say")
        case .seen(let other?):
            judge.expect(
                "endpoint.version",
                other == version,
                other == version ? version : "the endpoint is \(other), this is \(version)",
                else: .doubtful,
                "build and apply both images of one commit; the endpoint goes first"
            )
        }
        judge.answer(
            "endpoint.refuses_unsigned",
            endpoint.unsigned,
            expected: 401,
            "an unsigned request is not 401: what answers there is not the endpoint"
        )
        judge.answer(
            "endpoint.tells_nothing",
            endpoint.question,
            expected: 401,
            "a stranger's question about the pool is not 401: what answers there is not the endpoint"
        )
        return judge.diagnoses
    }
}

extension OrganizationAPI.RunTaskSettings {
    /// Whether it calls this address; a slash at its end is no matter.
    func calls(_ other: String) -> Bool {
        func plain(_ url: String) -> Substring {
            var text = url[...]
            while text.last == "/" { text.removeLast() }
            return text
        }
        return plain(url) == plain(other)
    }
}

extension Judge {
    fileprivate mutating func answer(
        _ name: String,
        _ status: Sighting<Int>,
        expected: Int,
        _ advice: String
    ) {
        switch status {
        case .unseen(let why): cannotTell(name, why)
        case .seen(let status): expect(name, status == expected, "status \(status)", advice)
        }
    }
}
