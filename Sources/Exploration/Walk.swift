/// Steps by chance through a world that is too large to be searched to its end.
package final class Walk {
    private let explorer: Explorer
    /// Made so far.
    package private(set) var steps = 0

    package init(_ scene: Scene) { explorer = Explorer(scene) }

    /// One walk from the beginning, which ends where a rule is broken.
    ///
    /// - Parameter most: steps after which it ends.
    /// - Returns: the rule, and how it came to that.
    package func go(
        _ chance: some RandomNumberGenerator,
        steps most: Int
    ) -> (Violation, [String])? {
        var chance = chance
        var path: [Step] = []
        var open: [Step] = []
        explorer.violation = nil
        explorer.begin()
        explorer.normalise()
        for _ in 0..<most {
            explorer.enumerate(into: &open)
            guard let step = open.randomElement(using: &chance) else {
                return (Violation(rule: 0, text: "nothing can happen"), story(path))
            }
            path.append(step)
            steps += 1
            explorer.perform(step)
            if let violation = explorer.violation { return (violation, story(path)) }
            explorer.normalise()
        }
        return nil
    }

    private func story(_ path: [Step]) -> [String] {
        explorer.violation = nil
        explorer.begin()
        explorer.normalise()
        return path.flatMap { explorer.told($0) }
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
        isSingle: false,
        budgets: Budgets(
            faults: 3,
            crashes: 2,
            edits: 1,
            stops: 1,
            breaks: 2,
            agentCrashes: 1,
            repeats: 1
        ),
        sweepsAnyTime: true
    )
}
