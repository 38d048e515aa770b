import Decisions

/// Telling a way through a small world.
extension Explorer {
    /// Performs a step and says what happened.
    func told(_ step: Step) -> [String] {
        var lines = [described(step)]
        tell = { lines.append("    " + $0) }
        perform(step)
        tell = nil
        let before = world
        normalise()
        if before.tasks[0].mind != world.tasks[0].mind
            || before.tasks[1].mind != world.tasks[1].mind,
            before.tasks[0].mind == world.tasks[1].mind
        {
            lines.append("    (from here on tasks 1 and 2 have each other's numbers)")
        }
        return lines
    }

    private func described(_ step: Step) -> String {
        let fate = step.how == 0 ? "" : ", \(step.fate)"
        let task = step.index == theSweep ? "the sweep" : "task \(step.index + 1)"
        switch step.kind {
        case .tick: return "a while passes"
        case .startTask: return "ECS starts a task"
        case .scaleIn: return "ECS scales in \(task)"
        case .stopTask: return "a person stops \(task)"
        case .killTask: return "\(task) did not end in time"
        case .edit: return "a person sets desiredCount to \(step.how)"
        case .call: return "HCP Terraform calls the endpoint for job \(step.index + 1)"
        case .endpoint:
            let id = world.jobs[step.index].announcement
            return "endpoint, job \(step.index + 1): \(machine.announcements[id].step)\(fate)"
        case .follow:
            let id = world.jobs[step.index].flow
            return "endpoint, job \(step.index + 1): \(machine.flows[id].step)\(fate)"
        case .project:
            let isSweep = step.index == theSweep
            let id = isSweep ? world.sweepFlow : world.tasks[step.index].flow
            return "\(task) projects: \(machine.flows[id].step)\(fate)"
        case .receive: return "\(task)'s agent receives job \(step.how + 1)"
        case .finish: return "\(task)'s agent ends its job"
        case .exit: return "\(task)'s agent exits"
        case .hear: return "\(task) hears its launcher"
        case .drain: return "the drain reaches \(task)'s launcher"
        case .list, .byItself, .read, .write, .look, .raise:
            let change = step.index == theSweep ? world.sweepChange : world.tasks[step.index].change
            let what = change.operation == 0 ? "tidy" : "\(machine.operations[change.operation])"
            return "\(task), \(what): \(step.kind)\(fate)"
        case .crash:
            return "\(task)'s sidecar dies" + (step.how == 0 ? "" : ", its write arrives")
        default: return "\(task): \(step.kind)\(fate)"
        }
    }

    func described(_ world: World) -> String {
        var parts = ["desired \(world.desired)", machine.describe(world.ledger)]
        for task in tasks where world.tasks[task].stage != .vacant {
            let state = world.tasks[task]
            let mind = state.mind == 0 ? "no sidecar" : "\(machine.minds[state.mind].phase.name)"
            parts.append(
                "task \(task + 1) \(state.stage), \(mind), agent \(state.agent), protected for "
                    + "\(state.protectedFor)"
            )
        }
        for job in jobs { parts.append("job \(job + 1) \(world.jobs[job].stage)") }
        return parts.joined(separator: "; ")
    }
}
