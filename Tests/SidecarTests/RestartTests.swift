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
        ] + renewed(plan, apply)
    }

    /// Where the container is renewed after a job.
    private static func renewed(
        _ plan: Job,
        _ apply: Job
    ) -> [(name: String, script: TaskWorld.Script)] {
        let first: [(after: Duration, TaskWorld.Deed)] = [
            (.seconds(1), .waits), (.seconds(5), .receives(plan)), (.seconds(60), .exits),
        ]
        let idle: [(after: Duration, TaskWorld.Deed)] = [(.seconds(3), .waits)]
        let second = idle + [(.seconds(5), .receives(apply)), (.seconds(60), .exits)]
        return [
            (
                "an agent is followed by another one, which is idle and leaves",
                .init(deeds: first, jobs: [plan], renewal: .init(agents: [idle]))
            ),
            (
                "a task has as many jobs as it may, each with an agent of its own",
                .init(deeds: first, jobs: [plan], renewal: .init(agents: [second], maxJobs: 2))
            ),
            (
                "a container that cannot be shown to be clean has no next agent",
                .init(deeds: first, jobs: [plan], renewal: .init(isSpoiled: true))
            ),
            (
                "a task that is stopped while its container is renewed has no next agent",
                .init(deeds: first, jobs: [plan], renewal: .init(isStruck: true))
            ),
        ]
    }

    @Test("stopped at any one directive, the sidecar comes to the same end", arguments: 0..<13)
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

    @Test("stopped twice, at any two directives, it comes to the same end", arguments: 0..<13)
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

    // MARK: Within a renewal

    /// A plan, and after it an agent that is idle until it leaves.
    private static func handedOn(_ rollout: Rollout = .settled) throws -> TaskWorld.Script {
        let plan = try job("run-1/plan")
        return .init(
            deeds: [
                (.seconds(1), .waits), (.seconds(5), .receives(plan)), (.seconds(60), .exits),
            ],
            jobs: [plan],
            desiredCount: rollout == .settled ? 0 : 1,
            rollout: rollout,
            renewal: .init(agents: [[(.seconds(3), .waits)]])
        )
    }

    @Test(
        "a sidecar that dies within a renewal: one next agent, protected, and no job is left behind",
        arguments: TaskWorld.Death.allCases
    )
    func withinRenewal(_ death: TaskWorld.Death) throws {
        let script = try Self.handedOn()
        var undisturbed = try TaskWorld(script)
        _ = try undisturbed.play()
        #expect(undisturbed.names == ["agent", "agent-2"])
        // Between `exited 0` and `renewed`: the first thing that it does after the agent's end.
        let ended = try #require(undisturbed.directives.firstIndex { Self.reportsEnd($0) })
        // Between `renewed` and `next`, and between `next` and the agent's first word.
        let named = try #require(undisturbed.directives.firstIndex(of: .nameNext(2)))
        #expect(ended < named)
        for index in [ended, named] {
            var world = try TaskWorld(script, deaths: [index: death])
            let end = try world.play()
            #expect(world.names == ["agent", "agent-2"], "at \(undisturbed.directives[index])")
            #expect(!world.ranUnprotected)
            #expect(end.ledger.jobs.isEmpty && end.ledger.size == 0 && end.desired == 0)
            #expect(end.stopSignals == 1 && end.left == .released)
        }
    }

    private static func reportsEnd(_ directive: Directive) -> Bool {
        if case .ledger(.report(nil, _, _, _)) = directive { true } else { false }
    }

    @Test(
        "a task of an older revision is handed over, wherever its sidecar dies",
        arguments: TaskWorld.Death.allCases
    )
    func handedOver(_ death: TaskWorld.Death) throws {
        let script = try Self.handedOn(Rollout())
        var undisturbed = try TaskWorld(script)
        _ = try undisturbed.play()
        #expect(undisturbed.left == .stoppedWhileHeld)
        for index in undisturbed.directives.indices {
            var world = try TaskWorld(script, deaths: [index: death])
            let end = try world.play()
            let place = "\(death) \(undisturbed.directives[index])"
            #expect(end.left == .stoppedWhileHeld, "\(place)")
            #expect(end.ledger.size == 1 && end.desired == 1, "\(place)")
            #expect(end.stopSignals <= 1 && end.agents <= 2, "\(place)")
        }
    }
}
