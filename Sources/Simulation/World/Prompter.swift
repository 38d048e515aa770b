import Model

/// In a world that follows a ``Script``, whatever would happen waits here for its step. Without one,
/// and once the script is over, it happens at once.
final class Prompter {
    private struct Place: Hashable {
        let act: Script.Act
        let who: Script.Actor
    }

    /// Places in which something waits, in the order in which it came.
    private var waiting: [(place: Place, action: (Script.Fate) -> Void)] = []
    /// What is played now.
    private(set) var step: Script.Step?
    private(set) var isOver = false
    /// Lets something happen after what happens now: nobody is answered while he still asks.
    var later: (@escaping () -> Void) -> Void = { $0() }
    /// How many steps have begun.
    private(set) var count = 0

    /// How whatever the present step leads to at once ends.
    var fate: Script.Fate { step?.fate ?? .answered }

    func wait(
        _ act: Script.Act,
        _ who: Script.Actor,
        _ action: @escaping (Script.Fate) -> Void
    ) {
        guard !isOver else { return later { action(.answered) } }
        waiting.append((Place(act: act, who: who), action))
    }

    func begin(_ step: Script.Step) {
        self.step = step
        count += 1
    }

    /// - Returns: false where nothing waits for this step.
    func perform(_ step: Script.Step) -> Bool {
        guard let who = step.who else { return false }
        let place = Place(act: step.act, who: who)
        guard let index = waiting.firstIndex(where: { $0.place == place }) else { return false }
        waiting.remove(at: index).action(step.fate)
        return true
    }

    func waits(_ act: Script.Act, _ who: Script.Actor) -> Bool {
        waiting.contains { $0.place == Place(act: act, who: who) }
    }

    /// It will not happen.
    func forget(_ who: Script.Actor, where isMeant: (Script.Act) -> Bool) {
        waiting.removeAll { $0.place.who == who && isMeant($0.place.act) }
    }

    /// What waits for a task or a job, in words.
    func described(_ who: Script.Actor?) -> String {
        let acts = waiting.filter { $0.place.who == who }.map(\.place.act.rawValue)
        return acts.isEmpty ? "nothing" : acts.joined(separator: ", ")
    }

    /// From here on everything happens by itself.
    func end() {
        isOver = true
        step = nil
        let left = waiting
        waiting = []
        for entry in left { entry.action(.answered) }
    }
}

extension Script.Act {
    /// Done by a sidecar's process, and over with it.
    var isSidecars: Bool {
        switch self {
        case .hear, .drain, .protect, .unprotect, .compare, .deployments, .list, .byItself, .read,
            .write, .look, .raise, .project, .connect:
            true
        default: false
        }
    }
}

/// Who makes a call, where a script may have a say in it.
struct Caller {
    let act: Script.Act
    let who: Script.Actor
}

extension World {
    /// Lets something happen: at once, or where a script is followed, when its step comes.
    func prompt(_ act: Script.Act, _ who: Script.Actor, _ action: @escaping () -> Void) {
        guard let prompter else { return action() }
        prompter.wait(act, who) { _ in action() }
    }

    /// Whether a script has the say in what happens.
    var isPrompted: Bool { prompter.map { !$0.isOver } ?? false }
}
