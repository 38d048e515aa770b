import Exploration
import Model
import Rules
import Seeded
import Simulation
import Testing

/// What the exploration finds is played by the simulation.
@Suite("Simulation, scripts")
struct ScriptTests {
    /// Words of both, but for those of a mode that no script is played in.
    private static let words = Breakage.allCases.filter {
        Safeguard(rawValue: $0.rawValue) != nil && !renewing.contains($0)
    }
    private static let renewing: [Breakage] = [.clean, .jobEnd]

    private static func counterexample(of broken: Breakage) throws -> Script {
        let scene = try #require(Scene.all.first { $0.name == broken.scene })
        return try #require(Search(scene, broken: broken).run().script)
    }

    @Test(
        "a counterexample breaks the same rule here, and no rule once the safeguard is on again",
        arguments: words
    )
    func replays(_ broken: Breakage) throws {
        var script = try Self.counterexample(of: broken)
        #expect(script.broken == broken.rawValue)
        #expect(try Script(text: script.text(["as a file"])) == script)
        let outcome = try ScriptTrial(script).play()
        #expect(outcome.departure == nil)
        #expect(outcome.followed == script.steps.count)
        #expect(outcome.violations.map(\.rule).contains(broken.rule), "\(outcome.violations)")
        script.broken = nil
        #expect(try ScriptTrial(script).play().violations.isEmpty)
    }

    /// Of two projections that book their updates beside each other, and of readings that are old, the
    /// two worlds do not say the same in the last detail: there a walk may be left.
    private static let scenes = Scene.all.filter {
        !$0.isDeep && !$0.name.hasPrefix("renewed")
            && !["edited-floor", "repeats", "two-jobs", "watched"].contains($0.name)
    }

    @Test("steps by chance through a scene are possible here, and break no rule", arguments: scenes)
    func walks(_ scene: Scene) throws {
        let walk = Walk(scene)
        for seed in UInt64(1)...3 {
            let breach = walk.go(SeededRandom(seed: seed), transitions: 60)
            #expect(breach == nil)
            let outcome = try ScriptTrial(walk.script).play()
            #expect(outcome.departure == nil, "\(scene.name), seed \(seed)")
            #expect(outcome.violations.isEmpty, "\(scene.name), seed \(seed)")
        }
    }

    @Test(
        "a counterexample of renewed containers is written, and refused here",
        arguments: renewing
    )
    func refusesRenewal(_ broken: Breakage) throws {
        let script = try Self.counterexample(of: broken)
        #expect(try Script(text: script.text([])) == script)
        let refusal = #expect(throws: ScriptTrial.Refusal.self) { try ScriptTrial(script) }
        #expect(refusal?.description.contains("mode=renewed cannot be simulated") ?? false)
    }

    @Test("both know six words")
    func wordsOfBoth() {
        #expect(Self.words.count == 6)
    }

    @Test("a script that goes where the world does not is left, and says what waits")
    func departs() throws {
        let script = try Script(
            text: """
                rehearsal script 1
                stage floor=1 desired=1 size=1
                start  # the one that is wanted
                boot task-1
                write task-1 failed-after
                """
        )
        var told: [String] = []
        let outcome = try ScriptTrial(script).play { told.append($0) }
        #expect(outcome.followed == 2)
        #expect(outcome.departure?.contains("what waits there is protect") ?? false)
        #expect(outcome.violations.isEmpty)
        #expect(told.contains("0  > boot task-1"))
    }

    @Test(
        "what cannot be played is refused with its reason",
        arguments: [
            ("watch task-1", "no sidecar asks the agents API"),
            ("break forget-report", "has no safeguard forget-report"),
        ]
    )
    func refuses(_ line: String, _ reason: String) throws {
        let script = try Script(text: "rehearsal script 1\nstage floor=1\n\(line)\n")
        let refusal = #expect(throws: ScriptTrial.Refusal.self) { try ScriptTrial(script) }
        #expect(refusal?.description.contains(reason) ?? false)
    }

    @Test(
        "a file that is no script is refused with its line",
        arguments: [
            ("", 1), ("rehearsal script 2\n", 1), ("rehearsal script 1\nstage jobs=many\n", 2),
            ("rehearsal script 1\nstage jobs=1\nfly task-1\n", 3),
            ("rehearsal script 1\nstage jobs=1\nboot task-0\n", 3),
            ("rehearsal script 1\nboot task-1\n", 2),
        ]
    )
    func faults(_ text: String, _ line: Int) {
        let fault = #expect(throws: Script.Fault.self) { try Script(text: text) }
        #expect(fault?.line == line)
    }
}
