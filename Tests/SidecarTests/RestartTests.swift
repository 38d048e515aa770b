import AgentLink
import Decisions
import Testing

/// The sidecar is stopped at each directive in turn, before its effect and after it, and started
/// again: the task has to come to the same end, as if nothing had been.
@Suite("A sidecar that is restarted anywhere")
struct RestartTests {
    private static func job(_ key: String) throws -> Job { try #require(Job(key: key)) }

    private static func stories() throws -> [(name: String, script: TaskWorld.Script)] {
        let (plan, apply) = (try job("run-1/plan"), try job("run-1/apply"))
        return [
            (
                "an agent takes its one job and ends",
                .init(
                    deeds: [
                        (.seconds(1), .waits), (.seconds(5), .receives(plan)),
                        (.seconds(60), .exits),
                    ],
                    jobs: [plan]
                )
            ),
            (
                "an idle agent above the floor leaves",
                .init(deeds: [(.seconds(1), .waits)])
            ),
            (
                "an agent has worked, is idle, and leaves",
                .init(
                    deeds: [
                        (.seconds(1), .waits), (.seconds(5), .receives(plan)),
                        (.seconds(60), .waits),
                    ],
                    jobs: [plan]
                )
            ),
            (
                "an agent catches a job after its signal",
                .init(
                    deeds: [(.seconds(1), .waits)],
                    whenSignalled: [
                        (.milliseconds(300), .receives(apply)), (.seconds(60), .exits),
                    ]
                )
            ),
            (
                "an agent that is needed ends, and a fresh one takes its place",
                .init(
                    deeds: [(.seconds(1), .receives(plan)), (.seconds(30), .exits)],
                    desiredCount: 1
                )
            ),
            (
                "an agent at work is stopped from outside",
                .init(
                    deeds: [(.seconds(1), .waits), (.seconds(5), .receives(plan))],
                    whenSignalled: [(.seconds(20), .exits)],
                    outsideStopAfter: .seconds(30),
                    jobs: [plan]
                )
            ),
            (
                "a task that cannot be protected takes its one job",
                .init(
                    deeds: [
                        (.seconds(1), .waits), (.seconds(5), .receives(plan)),
                        (.seconds(60), .exits),
                    ],
                    protection: .refused("TASK_NOT_VALID"),
                    jobs: [plan]
                )
            ),
            (
                "an idle agent of an older revision is handed over",
                .init(deeds: [(.seconds(1), .waits)], desiredCount: 1, rollout: Rollout())
            ),
            (
                "an agent of an older revision takes its one job, and its task is handed over",
                .init(
                    deeds: [(.seconds(1), .receives(plan)), (.seconds(30), .exits)],
                    desiredCount: 1,
                    rollout: Rollout()
                )
            ),
        ]
    }

    @Test("stopped at any one directive, the sidecar comes to the same end", arguments: 0..<9)
    func once(_ number: Int) throws {
        let (name, script) = try Self.stories()[number]
        var undisturbed = try TaskWorld(script)
        let expected = try undisturbed.play()
        #expect(expected.stopSignals <= 1)
        if script.rollout.handsOver {
            #expect(expected.left == .stoppedWhileHeld)
            #expect(expected.ledger.size == 1 && expected.desired == 1)
        }
        #expect(undisturbed.directives.count >= 5)
        for index in undisturbed.directives.indices {
            for death in TaskWorld.Death.allCases {
                var world = try TaskWorld(script, deaths: [index: death])
                let end = try world.play()
                #expect(end == expected, "\(name), \(death) \(undisturbed.directives[index])")
                #expect(
                    world.ranUnprotected == undisturbed.ranUnprotected,
                    "\(name): unprotected after \(death) \(undisturbed.directives[index])"
                )
            }
        }
    }

    @Test("stopped twice, at any two directives, it comes to the same end", arguments: 0..<9)
    func twice(_ number: Int) throws {
        let (name, script) = try Self.stories()[number]
        var undisturbed = try TaskWorld(script)
        let expected = try undisturbed.play()
        let count = undisturbed.directives.count
        for first in 0..<count {
            for second in (first + 1)...(first + count) {
                for (one, two) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    let kinds = TaskWorld.Death.allCases
                    var world = try TaskWorld(
                        script,
                        deaths: [first: kinds[one], second: kinds[two]]
                    )
                    #expect(try world.play() == expected, "\(name), at \(first) and \(second)")
                }
            }
        }
    }
}
