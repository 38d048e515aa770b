import Decisions
import Model

/// What becomes of a service by itself, in one turn of its scheduler.
struct ServiceTurn {
    let service: UInt16
    /// Tasks, counted from 0.
    let starts: [Int]
    let stops: [Int]
}

/// What happens to a service from outside.
enum ServiceChange: UInt64 {
    case desired
    case deploy
    case delete
    case ran
    case leaves
    case stopped
    case protect
    case unprotect
    /// The first two tasks get each other's numbers.
    case swap
    /// As a list shows it: nothing of protection.
    case show
}

/// What a service says that states are checked by; tasks one bit each.
struct ServiceFacts {
    let desired: Int
    let running: Int
    let listed: UInt8
    /// Of an older revision than the newest, and not asked to stop.
    let outdated: UInt8
    let isActive: Bool
    /// It was deleted, and nothing of it is left.
    let isGone: Bool
    /// One revision, which is completed.
    let isSettled: Bool
    /// A deployment is open, only for tasks that were started beside it as old ones ended: they serve
    /// until they are one too many, or have had a job.
    let isKeptByReplacement: Bool

    var counting: Int { listed.nonzeroBitCount }
}

/// The ECS services that occur, each once, and what the shared model makes of them. Their clock
/// stands still: protection runs out where a state says so.
final class Services {
    private let scene: Scene
    private var states = Interned<ServiceState>()
    private var known: [ServiceFacts] = []
    private var turnMemo = Memo<[ServiceTurn]>()
    private var eventMemo = Memo<(service: UInt16, isRefused: Bool)>()

    init(_ scene: Scene) { self.scene = scene }

    func first(desired: Int) -> UInt16 {
        id(
            of: ServiceState(
                Deployed(),
                replacement: scene.replacement,
                desired: desired,
                pace: .init(first: 0, longest: 0)
            )
        )
    }

    private func id(of state: ServiceState) -> UInt16 {
        let id = states.id(of: state.renumbered())
        if known.count < Int(id) { known.append(facts(state)) }
        return id
    }

    func facts(of service: UInt16) -> ServiceFacts { known[Int(service) - 1] }

    private func facts(_ state: ServiceState) -> ServiceFacts {
        var (listed, outdated, late): (UInt8, UInt8, UInt8) = (0, 0, 0)
        for task in 0..<scene.tasks {
            guard let member = state.member(task + 1), member.phase != .stopping else { continue }
            listed |= 1 << task
            if member.deployment != state.primary.id { outdated |= 1 << task }
            if state.isLate(task + 1) { late |= 1 << task }
        }
        return ServiceFacts(
            desired: state.desired,
            running: state.running,
            listed: listed,
            outdated: outdated,
            isActive: state.status == .active,
            isGone: state.status == .inactive,
            isSettled: !state.isRolling && state.primary.rollout == .completed,
            isKeptByReplacement: late != 0 && late == outdated
        )
    }

    // MARK: What happens to it

    /// - Parameter number: a task, counted from 0, or a count.
    func after(
        _ event: ServiceChange,
        _ number: Int,
        _ service: UInt16
    ) -> (service: UInt16, isRefused: Bool) {
        let key = UInt64(service) << 8 | event.rawValue << 4 | UInt64(number)
        if let known = eventMemo.answer(to: key) { return known }
        var state = states[service]
        let isRefused = !take(event, number, &state)
        let result = (service: id(of: state), isRefused: isRefused)
        eventMemo.keep(result, for: key)
        return result
    }

    /// - Returns: false where ECS refuses it.
    private func take(_ event: ServiceChange, _ number: Int, _ state: inout ServiceState) -> Bool {
        switch event {
        // Where both revisions may be scaled out the old one is: the harder case.
        case .desired: return (try? state.setDesired(number, at: 0) { _ in 0 }) != nil
        case .deploy: return (try? state.deploy(2, at: 0)) != nil
        case .delete: return (try? state.delete(force: true, at: 0)) != nil
        case .ran: state.ran(number + 1, at: 0)
        case .leaves: state.leaves(number + 1, at: 0)
        case .stopped: state.stopped(number + 1, at: 0)
        case .protect: return state.protect(number + 1, for: 1, at: 0) == .protected(until: 1)
        case .unprotect: state.unprotect(number + 1)
        case .swap: state = state.renumbered { $0 == 1 ? 2 : $0 == 2 ? 1 : $0 }
        case .show: for task in 0..<scene.tasks { state.unprotect(task + 1) }
        }
        return true
    }

    // MARK: Its scheduler

    /// Every turn that its scheduler may take now; none where it has nothing to do.
    ///
    /// - Parameter slot: where a task can be started.
    func turns(_ service: UInt16, slot: Int?) -> [ServiceTurn] {
        let key = UInt64(service) << 8 | UInt64(slot.map { $0 + 1 } ?? 0)
        if let known = turnMemo.answer(to: key) { return known }
        var turns: [ServiceTurn] = []
        var (choice, choices) = (0, 1)
        while choice < choices {
            let turn = turn(service, slot, choice, &choices)
            let isNew = !turns.contains { $0.service == turn.service && $0.stops == turn.stops }
            if turn.service != service, isNew { turns.append(turn) }
            choice += 1
        }
        turnMemo.keep(turns, for: key)
        return turns
    }

    /// - Parameters:
    ///   - choice: says what is drawn.
    ///   - choices: how many there are.
    private func turn(
        _ service: UInt16,
        _ slot: Int?,
        _ choice: Int,
        _ choices: inout Int
    ) -> ServiceTurn {
        var state = states[service].renumbered(after: slot ?? 0)
        // One task at a time, so that whatever may happen between two starts does.
        var launches = TokenBucket(burst: slot == nil ? 0 : 1, perSecond: 1)
        var (rest, drawn) = (choice, 1)
        let turn = state.turn(at: 0, launches: &launches) { bound in
            defer { rest /= bound }
            drawn *= bound
            return rest % bound
        }
        choices = max(choices, drawn)
        var (starts, stops): ([Int], [Int]) = ([], [])
        for decision in turn.decisions {
            switch decision {
            case .start(let number, _, _): starts.append(number - 1)
            case .stop(let number, _): stops.append(number - 1)
            }
        }
        return ServiceTurn(service: id(of: state), starts: starts, stops: stops.sorted())
    }

    // MARK: What is read of it

    func view(_ service: UInt16) -> ServiceView {
        let facts = facts(of: service)
        return ServiceView(
            desired: facts.desired,
            running: facts.running,
            isActive: facts.isActive
        )
    }

    /// The deployments as a task sees them. Of one that is of the newest revision nothing else is
    /// looked at.
    func rollout(_ service: UInt16, _ task: Int) -> Rollout {
        let state = states[service]
        guard let member = state.member(task + 1), member.deployment != state.primary.id else {
            return .settled
        }
        let seen = state.deployments.enumerated().map { index, deployment in
            DeploymentView(
                id: "\(deployment.id)",
                isPrimary: index == 0,
                state: .init(rawValue: deployment.rollout.rawValue),
                createdAt: wallTime(deployment.id),
                running: deployment.running,
                pending: deployment.pending,
                failed: deployment.failedTasks
            )
        }
        let born = state.isLate(task + 1) ? state.primary.id : member.deployment
        return Rollout(
            seen,
            start: TaskStart(deployment: "\(member.deployment)", createdAt: wallTime(born)),
            hasOlderDefinition: true
        )
    }

    private func wallTime(_ deployment: DeploymentID) -> WallTime {
        WallTime(milliseconds: deployment.number)
    }
}
