import AgentLink
package import Model
import Rules

/// Steps by chance through a world that is too large to be searched to its end.
package final class Walk {
    private let explorer: Explorer
    /// Made so far.
    package private(set) var transitions = 0
    /// The last walk, for another world to play.
    package var script: Script {
        Script(explorer.stage, broken: nil, steps: explorer.script ?? [])
    }

    package init(_ scene: Scene) { explorer = Explorer(scene) }

    /// One walk from the beginning, which ends where a rule is broken.
    ///
    /// - Parameter most: transitions after which it ends.
    /// - Returns: the rule, and how it came to that.
    package func go(
        _ chance: some RandomNumberGenerator,
        transitions most: Int
    ) -> (Breach, [String])? {
        var chance = chance
        var path: [Transition] = []
        var open: [Transition] = []
        explorer.breach = nil
        explorer.script = []
        explorer.begin()
        explorer.normalise()
        for _ in 0..<most {
            explorer.enumerate(into: &open)
            guard let transition = open.randomElement(using: &chance) else {
                return (Breach(rule: nil, text: "nothing can happen"), trace(path))
            }
            path.append(transition)
            transitions += 1
            explorer.perform(transition)
            if let breach = explorer.breach { return (breach, trace(path)) }
            explorer.normalise()
        }
        return nil
    }

    private func trace(_ path: [Transition]) -> [String] {
        let teller = Explorer(sharing: explorer)
        teller.begin()
        teller.normalise()
        return path.flatMap { teller.told($0) }
    }
}

extension Scene {
    /// Where walks go.
    package static let large = Scene(
        name: "large",
        about: "three tasks, two jobs, one agent always, two of everything that may go wrong",
        tasks: 3,
        jobs: 2,
        floor: 1,
        most: 2,
        mode: .shared,
        budgets: Budgets(
            faults: 3,
            crashes: 2,
            edits: 1,
            stops: 1,
            breaks: 2,
            agentCrashes: 1,
            mistakes: 1
        ),
        sweepsAnyTime: true
    )
}
