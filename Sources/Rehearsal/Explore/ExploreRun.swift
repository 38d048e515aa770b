import ArgumentParser
import Exploration
import Glibc
import Model
import Rules
import Seeded
import SimulationReport
import Synchronization

/// What `rehearsal explore` does.
struct ExploreRun {
    private let command: ExploreCommand
    private let stops: Interruption

    init(_ command: ExploreCommand, _ stops: Interruption) {
        self.command = command
        self.stops = stops
    }

    // MARK: Scenes

    /// Several at once, each in a thread of its own.
    func play(_ scenes: [Scene]) throws {
        print(Self.header)
        fflush(nil)
        let board = Board(scenes)
        let workers = min(command.jobs, scenes.count)
        let stops = stops
        for _ in 0..<workers {
            Thread.start {
                while let scene = board.next(), !stops.isAsked {
                    let search = Search(scene) { finding in
                        board.note(finding)
                        return !stops.isAsked
                    }
                    board.end(search.run())
                }
                board.leave()
            }
        }
        var (failed, open) = (0, 0)
        var broken: Finding?
        watch(board, workers) { finding in
            print(Self.line(finding))
            tell(finding)
            if !finding.holds { failed += 1 }
            if broken == nil, finding.script != nil { broken = finding }
            if finding.isGivenUp { open += 1 }
            fflush(nil)
        }
        if stops.isAsked { throw interrupted() }
        if let broken { try writeScript(of: broken) }
        if failed > 0 {
            print("\(failed) of \(scenes.count) scenes did not hold")
            throw ExitCode(1)
        }
        let limits = open == 0 ? "" : "; \(open) not to its end"
        print("\(scenes.count - open) scenes closed: every rule held in every order\(limits)")
    }

    /// Until every worker has left.
    private func watch(_ board: Board, _ workers: Int, _ ended: (Finding) -> Void) {
        let progress = Progress(isOn: !command.quiet)
        while true {
            let (findings, running, left) = board.look()
            if !findings.isEmpty { progress.end() }
            findings.forEach(ended)
            if left == workers, findings.isEmpty { break }
            progress.say(
                running.map { "\($0.scene): \(Numbers.whole($0.states)) states" }
                    .joined(separator: ", ")
            )
            usleep(50_000)
        }
        progress.end()
    }

    private func interrupted() -> ExitCode {
        complain("interrupted")
        return ExitCode(130)
    }

    private func writeScript(of finding: Finding) throws {
        guard let path = command.script, let script = finding.script, let breach = finding.breach
        else { return }
        let notes = ["\(finding.scene): \(breach)", "rehearsal simulate --script \(path)"]
        try save(script.text(notes), path)
        print("wrote \(path)")
    }

    private func tell(_ finding: Finding) {
        if let breach = finding.breach {
            print("\n\(finding.scene): \(breach)")
            if let rule = breach.rule { print(rule.sentence) }
            print("")
            for line in finding.trace { print("  " + line) }
            print("")
        }
        if !finding.missing.isEmpty {
            print("\(finding.scene): never occurred: \(finding.missing.joined(separator: ", "))")
        }
    }

    // MARK: Safeguards

    func breakSafeguard(_ broken: Breakage) throws {
        guard let scene = Scene.all.first(where: { $0.name == broken.scene }) else {
            complain("no scene watches \(broken.rawValue)")
            throw ExitCode(1)
        }
        print("--break \(broken.rawValue): \(broken.meaning)")
        print(Self.header)
        let stops = stops
        let progress = Progress(isOn: !command.quiet)
        let finding = Search(scene, broken: broken) { finding in
            progress.say("\(finding.scene): \(Numbers.whole(finding.states)) states")
            return !stops.isAsked
        }.run()
        progress.end()
        print(Self.line(finding))
        if finding.wasInterrupted { throw interrupted() }
        tell(finding)
        try writeScript(of: finding)
        guard let breach = finding.breach, breach.rule == broken.rule else {
            print("the scene that watches it has not noticed")
            throw ExitCode(1)
        }
        print("noticed: \(breach)")
    }

    // MARK: Chance

    func walk(seconds: Int) throws {
        print("walks from seed \(command.seed) for \(seconds) s: \(Scene.large.about)")
        let progress = Progress(isOn: !command.quiet)
        let stops = stops
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        let walk = Walk(.large)
        var seed = command.seed
        while clock.now < end, !stops.isAsked {
            if let (breach, trace) = walk.go(SeededRandom(seed: seed), transitions: 2_000) {
                progress.end()
                print("\nseed \(seed): \(breach)\n")
                for line in trace { print("  " + line) }
                throw ExitCode(1)
            }
            seed += 1
            progress.say(
                "\(seed - command.seed) walks, \(Numbers.whole(walk.transitions)) transitions"
            )
        }
        progress.end()
        let made = "\(Numbers.whole(walk.transitions)) transitions"
        print("\(seed - command.seed) walks, \(made): every rule held")
        if stops.isAsked { throw interrupted() }
    }

    // MARK: Figures

    private static let header =
        "scene".padded(to: 20) + "states".indented(to: 12) + "transitions".indented(to: 13)
        + "depth".indented(to: 7) + "time".indented(to: 9) + "memory".indented(to: 9)

    private static func line(_ finding: Finding) -> String {
        finding.scene.padded(to: 20)
            + Numbers.whole(finding.states).indented(to: 12)
            + Numbers.whole(finding.transitions).indented(to: 13)
            + "\(finding.depth)".indented(to: 7)
            + time(finding.seconds).indented(to: 9)
            + "\(finding.bytes >> 20) MB".indented(to: 9)
            + (finding.breach.map { _ in "  BROKEN" }
                ?? (finding.isClosed ? "  closed" : finding.isGivenUp ? "  open" : "  NOT CLOSED"))
    }
}

extension ExploreRun {
    fileprivate static func time(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) s"
    }
}

/// The scenes that are to be played, and how far those are that are.
private final class Board: Sendable {
    private struct State {
        var waiting: [Scene]
        var running: [String: Finding] = [:]
        var ended: [Finding] = []
        var left = 0
    }

    private let state: Mutex<State>

    init(_ scenes: [Scene]) { state = Mutex(State(waiting: scenes)) }

    func next() -> Scene? {
        state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
    }

    func note(_ finding: Finding) { state.withLock { $0.running[finding.scene] = finding } }

    func end(_ finding: Finding) {
        state.withLock {
            $0.running[finding.scene] = nil
            $0.ended.append(finding)
        }
    }

    func leave() { state.withLock { $0.left += 1 } }

    /// - Returns: what has ended since the last look, what runs, and how many workers have left.
    func look() -> ([Finding], running: [Finding], left: Int) {
        state.withLock { state in
            let ended = state.ended
            state.ended = []
            let running = state.running.values.sorted { $0.scene < $1.scene }
            return (ended, running, state.left)
        }
    }
}
