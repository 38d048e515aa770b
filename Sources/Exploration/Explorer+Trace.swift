import Decisions

/// Telling a way through a small world.
extension Explorer {
    /// Performs a transition and says what happened.
    func told(_ transition: Transition) -> [String] {
        var lines = [described(transition)]
        tell = { lines.append("    " + $0) }
        perform(transition)
        tell = nil
        normalise()
        if hasSwapped {
            lines.append("    (from here on tasks 1 and 2 have each other's numbers)")
        }
        return lines
    }

    private func described(_ transition: Transition) -> String {
        let fate = transition.how == 0 ? "" : ", \(transition.fate)"
        let task = transition.index == theSweep ? "the sweep" : "task \(transition.index + 1)"
        switch transition.kind {
        case .tick: return "a while passes"
        case .startTask, .stopTasks: return "ECS takes a turn"
        case .boot: return "\(task) runs"
        case .failBoot: return "\(task) does not get up"
        case .deploy: return "a person deploys a newer revision"
        case .delete: return "a person deletes the service"
        case .stopTask: return "a person stops \(task)"
        case .killTask: return "\(task) did not end in time"
        case .edit: return "a person sets desiredCount to \(transition.how)"
        case .call: return "HCP Terraform calls the endpoint for job \(transition.index + 1)"
        case .endpoint:
            let id = world.jobs[transition.index].announcement
            return "endpoint, job \(transition.index + 1): \(flows.announcements[id].step)\(fate)"
        case .follow:
            let id = world.jobs[transition.index].flow
            return "endpoint, job \(transition.index + 1): \(flows[id].step)\(fate)"
        case .project:
            let isSweep = transition.index == theSweep
            let id = isSweep ? world.sweepFlow : world.tasks[transition.index].flow
            return "\(task) projects: \(flows[id].step)\(fate)"
        case .receive: return "\(task)'s agent receives job \(transition.how + 1)"
        case .finish: return "\(task)'s agent ends its job"
        case .exit: return "\(task)'s agent exits"
        case .hear: return "\(task) hears its launcher"
        case .renew: return "\(task)'s launcher renews the container"
        case .spoil: return "something is left in \(task)'s container"
        case .drain: return "the drain reaches \(task)'s launcher"
        case .list, .byItself, .read, .write, .look, .raise:
            let change =
                transition.index == theSweep
                ? world.sweepChange : world.tasks[transition.index].change
            let what = change.operation == 0 ? "tidy" : "\(minds.operations[change.operation])"
            return "\(task), \(what): \(transition.kind)\(fate)"
        case .crash:
            return "\(task)'s sidecar dies" + (transition.how == 0 ? "" : ", its write arrives")
        default: return "\(task): \(transition.kind)\(fate)"
        }
    }

    func described(_ world: SmallWorld) -> String {
        var parts = ["desired \(service.desired)", ledgers.describe(world.ledger)]
        for task in tasks where world.tasks[task].stage != .vacant {
            let state = world.tasks[task]
            let mind = state.mind == 0 ? "no sidecar" : "\(minds.minds[state.mind].phase.name)"
            parts.append(
                "task \(task + 1) \(state.stage), \(mind), agent \(state.agent), protected for "
                    + "\(state.protectedFor)"
            )
        }
        for job in jobs { parts.append("job \(job + 1) \(world.jobs[job].stage)") }
        return parts.joined(separator: "; ")
    }
}
