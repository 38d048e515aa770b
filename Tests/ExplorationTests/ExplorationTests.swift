import Decisions
import Exploration
import Rules
import Seeded
import Testing

/// The scenes themselves are played by `rehearsal explore`; here is what they rest on.
@Suite("Exploration")
struct ExplorationTests {
    static let small = [
        "one-job", "never-written", "more-held-than-may", "stale", "renewed-deployed",
    ]

    @Test("a small scene closes, and every rule holds in every order", arguments: small)
    func closes(_ name: String) throws {
        let scene = try #require(Scene.all.first { $0.name == name })
        let finding = Search(scene).run()
        #expect(finding.isClosed)
        #expect(finding.breach == nil, "\(finding.trace.joined(separator: "\n"))")
        #expect(finding.missing.isEmpty, "\(finding.missing)")
    }

    @Test("everything that can occur occurs in one of the scenes that tests play")
    func nothingIsVacuous() {
        let present = Scene.all.filter { !$0.isDeep }.reduce(into: Set<String>()) {
            $0.formUnion($1.present)
        }
        #expect(Set(Scene.occurrences).subtracting(present).isEmpty)
        for scene in Scene.all {
            #expect(
                scene.present.count + scene.absent.count == Scene.occurrences.count,
                "\(scene.name) names something that there is not"
            )
        }
    }

    @Test("a safeguard that is switched off is noticed, and told from the beginning")
    func noticesAndTells() throws {
        let broken = Breakage.secondLook
        let scene = try #require(Scene.all.first { $0.name == broken.scene })
        let finding = Search(scene, broken: broken).run()
        #expect(finding.breach?.rule == broken.rule)
        #expect(finding.trace.first == "HCP Terraform calls the endpoint for job 1")
        #expect(finding.trace.last == "a while passes")
    }

    @Test("every safeguard has a scene that watches it")
    func everyBreakHasAScene() {
        for broken in Breakage.allCases {
            #expect(Scene.all.contains { $0.name == broken.scene && !$0.isDeep }, "\(broken)")
        }
    }

    @Test("a search that is told to stop stops, and does not say that it is closed")
    func stops() throws {
        let scene = try #require(Scene.all.first { $0.name == "faults" })
        let finding = Search(scene) { $0.states == 0 }.run()
        #expect(finding.wasInterrupted)
        #expect(!finding.isClosed && !finding.holds)
    }

    @Test("the same seed walks the same way")
    func walksAgain() {
        let walk = Walk(.large)
        let first = walk.go(SeededRandom(seed: 7), transitions: 400)?.1
        #expect(walk.transitions > 0)
        #expect(first == Walk(.large).go(SeededRandom(seed: 7), transitions: 400)?.1)
    }
}
