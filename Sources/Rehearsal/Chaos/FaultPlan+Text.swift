import Model

/// The plan as it is printed before the rehearsal, one fault a line.
extension FaultPlan {
    var text: String {
        let lines = timed.map(\.text) + calls.map(\.text)
        return "\(count) faults in \(tenths(Double(milliseconds) / 1000)) s:\n"
            + lines.map { "  " + $0 }.joined(separator: "\n") + "\n"
    }
}

extension FaultPlan.TimedFault {
    var text: String { padded("\(number)", 3, right: true) + "  at \(seconds(at)): \(deed)" }
}

extension FaultPlan.CallFault {
    var text: String { padded("\(number)", 3, right: true) + "  \(which): \(effect)" }

    private var which: String {
        count == 1
            ? "call \(nth) of \(call.rawValue)"
            : "calls \(nth) to \(nth + count - 1) of \(call.rawValue)"
    }
}

extension FaultPlan.Deed: CustomStringConvertible {
    var description: String {
        switch self {
        case .kill(.endpoint, _): "kill -9 of the endpoint"
        case .kill(let victim, let index): "kill -9 of \(victim.rawValue) \(index)"
        case .freeze(.endpoint, _, let time): "the endpoint frozen for \(seconds(time))"
        case .freeze(let victim, let index, let time):
            "\(victim.rawValue) \(index) frozen for \(seconds(time))"
        case .loseHost(let index, let time):
            "the host of task \(index) lost, ECS notices after \(seconds(time))"
        case .killYoungSidecar(let time): "the next sidecar killed after \(seconds(time))"
        case .endBadly(let end):
            "the next agent ends with code \(end.code) \(end.afterJob ? "after its job" : "at once")"
        case .edit(let change):
            "someone edits desiredCount by \(change > 0 ? "+" : "")\(change)"
        case .deploy(.revision): "a new revision is deployed"
        case .deploy(.forced): "the same revision is deployed once more"
        case .deploy(.broken(let failure)):
            "a revision is deployed that cannot start (\(failure.rawValue)), and a good one later"
        case .failStarts(let failure, let time):
            "no task starts for \(seconds(time)) (\(failure.rawValue))"
        case .stopTask(let index): "a person stops task \(index)"
        case .spot(let index): "a Spot notice for task \(index)"
        case .end(.deletion): "a person deletes the service"
        case .end(.limits): "a person sets the service's limits to 0 and 0"
        }
    }
}

private func seconds(_ time: Milliseconds) -> String { "\(tenths(Double(time) / 1000)) s" }
