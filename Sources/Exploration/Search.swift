import Decisions
package import Model
import Rules

/// What a search came to.
package struct Finding: Sendable {
    package let scene: String
    package var states = 0
    package var transitions = 0
    package var depth = 0
    package var seconds = 0.0
    package var bytes = 0
    /// No state was left to look at.
    package var isClosed = false
    /// It was given up where its scene says, with no rule broken until then.
    package var isGivenUp = false
    package var wasInterrupted = false
    package var breach: Breach?
    /// Every rule held as far as the scene goes, and everything occurred that must.
    package var holds: Bool {
        breach == nil && missing.isEmpty && (isClosed || isGivenUp)
    }
    /// How it came to that, from the beginning.
    package var trace: [String] = []
    /// The same for another world to play; nil where no rule was broken.
    package var script: Script?
    /// What never occurred though it must.
    package var missing: [String] = []
}

/// Breadth-first through a scene: every order of everything that may happen, until no new state
/// appears.
package final class Search {
    private let explorer: Explorer
    private let scene: Scene
    private let limit: Int
    private let progress: (Finding) -> Bool

    private var states = Chunks<SmallWorld>()
    /// The state that each was first reached from, and by which of its transitions.
    private var parents = Chunks<UInt32>()
    private var ordinals = Chunks<UInt16>()
    private var table: [UInt32]
    /// Targets of all transitions in the order of their sources; the highest bit says that a
    /// budget was spent.
    private var edges = Chunks<UInt32>()
    private var firstEdges = Chunks<UInt64>()
    private var calm: [Bool] = []
    /// What the way backwards needs beside them.
    private var backwardsBytes = 0
    private static let spentBit: UInt32 = 1 << 31

    /// - Parameters:
    ///   - progress: hears now and then how far it is, and says whether to go on.
    package init(
        _ scene: Scene,
        broken: Breakage? = nil,
        progress: @escaping (Finding) -> Bool = { _ in true }
    ) {
        self.scene = scene
        limit = scene.limit ?? Int(UInt32.max >> 1)
        self.progress = progress
        explorer = Explorer(scene, broken: broken)
        precondition(MemoryLayout<SmallWorld>.stride == SmallWorld.size && SmallWorld.size % 8 == 0)
        table = Array(repeating: 0, count: 1 << 16)
    }

    package func run() -> Finding {
        let clock = ContinuousClock()
        let began = clock.now
        var finding = Finding(scene: scene.name)
        let measure = { [self] in
            finding.states = states.count
            finding.bytes =
                states.bytes + table.count * 4 + parents.bytes + ordinals.bytes + edges.bytes
                + firstEdges.bytes + backwardsBytes
            let time = began.duration(to: clock.now)
            finding.seconds =
                Double(time.components.seconds)
                + Double(time.components.attoseconds) / 1e18
        }
        explorer.begin()
        explorer.normalise()
        _ = intern(explorer.world, from: 0, 0)
        var next = 0
        var layerEnd = 1
        var transitions: [Transition] = []
        while next < states.count, states.count < limit {
            if next == layerEnd {
                finding.depth += 1
                layerEnd = states.count
            }
            if next & 0x3FFF == 0 {
                measure()
                finding.transitions = edges.count
                guard progress(finding) else {
                    finding.wasInterrupted = true
                    break
                }
            }
            if let breach = expand(next, &transitions) {
                finding.breach = breach.0
                finding.trace = trace(to: next, then: breach.transition)
                finding.script = script(to: next, then: breach.transition)
                break
            }
            next += 1
        }
        finding.transitions = edges.count
        measure()
        finding.isClosed = next == states.count && finding.breach == nil
        finding.isGivenUp =
            scene.limit != nil && states.count >= limit && finding.breach == nil
        if finding.isClosed || finding.isGivenUp { finding.missing = explorer.missing() }
        if finding.isClosed { conclude(&finding) }
        measure()
        return finding
    }

    private func conclude(_ finding: inout Finding) {
        if let lost = firstWithoutCalm() {
            finding.breach = Breach(
                rule: .rest,
                text: "from here there is no way to rest at the floor (\(lost.count) states)"
            )
            finding.trace = trace(to: lost.first, then: nil)
            finding.trace += ["and as far as it goes:"] + trace(to: lost.last, then: nil)
            finding.script = script(to: lost.last, then: nil)
        }
    }

    // MARK: Expanding

    private func expand(_ index: Int, _ transitions: inout [Transition]) -> (
        Breach, transition: Transition
    )? {
        firstEdges.append(UInt64(edges.count))
        let world = states[index]
        explorer.world = world
        calm.append(explorer.isCalm)
        explorer.enumerate(into: &transitions)
        if transitions.isEmpty {
            return (Breach(rule: nil, text: "nothing can happen"), Transition(.tick))
        }
        for (ordinal, transition) in transitions.enumerated() {
            explorer.world = world
            explorer.seen.insert(transition)
            explorer.perform(transition)
            if let breach = explorer.breach { return (breach, transition) }
            explorer.normalise()
            let target = intern(explorer.world, from: index, ordinal)
            let isSpent = explorer.world.left != world.left
            edges.append(isSpent ? target | Self.spentBit : target)
        }
        return nil
    }

    private func intern(_ world: SmallWorld, from parent: Int, _ ordinal: Int) -> UInt32 {
        if states.count * 2 >= table.count { growTable() }
        var slot = Int(truncatingIfNeeded: world.digest) & (table.count - 1)
        while table[slot] != 0 {
            let index = table[slot] - 1
            if states[Int(index)] == world { return index }
            slot = (slot + 1) & (table.count - 1)
        }
        states.append(world)
        parents.append(UInt32(parent))
        ordinals.append(UInt16(ordinal))
        table[slot] = UInt32(states.count)
        return UInt32(states.count - 1)
    }

    private func growTable() {
        let count = table.count * 2
        table = []
        table = Array(repeating: 0, count: count)
        for index in 0..<states.count {
            var slot = Int(truncatingIfNeeded: states[index].digest) & (table.count - 1)
            while table[slot] != 0 { slot = (slot + 1) & (table.count - 1) }
            table[slot] = UInt32(index + 1)
        }
    }

    // MARK: Calm

    /// From every state there must be a way to calm on which nothing more goes wrong. Backwards
    /// from the calm ones over all such transitions.
    ///
    /// - Returns: the first state that has none, and how many there are.
    private func firstWithoutCalm() -> (first: Int, last: Int, count: Int)? {
        firstEdges.append(UInt64(edges.count))
        var starts = [UInt32](repeating: 0, count: states.count + 1)
        for index in 0..<edges.count where edges[index] & Self.spentBit == 0 {
            starts[Int(edges[index]) + 1] += 1
        }
        for index in 0..<states.count { starts[index + 1] += starts[index] }
        var places = starts
        var sources = [UInt32](repeating: 0, count: Int(starts[states.count]))
        for index in 0..<states.count {
            for place in Int(firstEdges[index])..<Int(firstEdges[index + 1])
            where edges[place] & Self.spentBit == 0 {
                let target = Int(edges[place])
                sources[Int(places[target])] = UInt32(index)
                places[target] += 1
            }
        }
        var reaches = calm
        var open = calm.indices.filter { calm[$0] }.map { UInt32($0) }
        backwardsBytes = (starts.count + places.count + sources.count + open.count) * 4
        while let state = open.popLast() {
            for source in sources[Int(starts[Int(state)])..<Int(starts[Int(state) + 1])]
            where !reaches[Int(source)] {
                reaches[Int(source)] = true
                open.append(source)
            }
        }
        guard let first = reaches.firstIndex(of: false), let last = reaches.lastIndex(of: false)
        else { return nil }
        return (first, last, reaches.count { !$0 })
    }

    // MARK: The trace

    /// Each state on the way, and which of its transitions leads on.
    private func path(to state: Int) -> [(from: Int, ordinal: Int)] {
        var path: [(from: Int, ordinal: Int)] = []
        var at = state
        while at != 0 {
            path.append((Int(parents[at]), Int(ordinals[at])))
            at = Int(parents[at])
        }
        return path.reversed()
    }

    private func script(to state: Int, then last: Transition?) -> Script {
        let writer = Explorer(sharing: explorer)
        writer.script = []
        writer.begin()
        writer.normalise()
        var transitions: [Transition] = []
        for (_, ordinal) in path(to: state) {
            writer.enumerate(into: &transitions)
            writer.perform(transitions[ordinal])
            writer.normalise()
        }
        if let last { writer.perform(last) }
        let broken = explorer.broken?.rawValue
        return Script(writer.stage, broken: broken, steps: writer.script ?? [])
    }

    private func trace(to state: Int, then last: Transition?) -> [String] {
        let teller = Explorer(sharing: explorer)
        var lines: [String] = []
        var transitions: [Transition] = []
        for (from, ordinal) in path(to: state) {
            teller.world = states[from]
            teller.enumerate(into: &transitions)
            lines += teller.told(transitions[ordinal])
        }
        guard let last else { return lines + ["then: \(teller.described(states[state]))"] }
        teller.world = states[state]
        return lines + teller.told(last)
    }
}
