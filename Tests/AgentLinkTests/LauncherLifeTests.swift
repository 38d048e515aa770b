import AgentLink
import Testing

@Suite("What a new connection is told")
struct LauncherMemoryTests {
    static let registered = LauncherMessage.status("Agent registered successfully: a")
    static let job = LauncherMessage.status("Job received: b")
    static let waiting = LauncherMessage.status("Waiting for next job")

    static let table: [([LauncherMessage], [LauncherMessage])] = [
        ([], []),
        ([registered, waiting], [registered, waiting]),
        ([registered, waiting, job], [registered, job]),
        ([registered, waiting, job, waiting], [registered, waiting]),
        ([job, .unreadable(bytes: 70000)], [.unreadable(bytes: 70000)]),
        ([.unreadable(bytes: 70000), waiting], [waiting]),
        ([registered, .busy(processes: 2), .busy(processes: 0)], [registered]),
        ([registered, job, .stopping, waiting], [registered, .stopping, waiting]),
        (
            [registered, job, .drained, .exited(code: 0)],
            [registered, job, .drained, .exited(code: 0)]
        ),
        ([.exited(code: 9), .hello(version: 1)], [.exited(code: 9)]),
        (
            [.silenced(level: "warn"), .ping(1), registered, waiting],
            [.silenced(level: "warn"), registered, waiting]
        ),
    ]

    @Test("the state is repeated, oldest first, and nothing that is obsolete", arguments: table)
    func repeatsState(_ said: [LauncherMessage], _ repeated: [LauncherMessage]) {
        var memory = LauncherMemory()
        for message in said {
            memory.remember(message)
        }
        #expect(memory.greeting == [.hello(version: 1)] + repeated)
    }

    @Test("a job whose name is a phrase does not let an older waiting pass for the state")
    func ambiguousLine() {
        var memory = LauncherMemory()
        let ambiguous = LauncherMessage.status("Job received: Agent registered successfully")
        for message in [Self.registered, Self.waiting, ambiguous] {
            memory.remember(message)
        }
        #expect(memory.greeting == [.hello(version: 1), ambiguous])
        memory.remember(Self.waiting)
        #expect(memory.greeting == [.hello(version: 1), ambiguous, Self.waiting])
    }
}

@Suite("The launcher's decisions")
struct LauncherLifeTests {
    static let observations: [LauncherLife.Observation] = [
        .named("agent-1"), .startLimitReached, .outsideStop(signal: 15), .drainAsked,
        .jobProcesses(0), .jobProcesses(1), .jobProcesses(nil), .agentExited(code: 3),
        .outputSettled, .outputLimitReached, .released, .releaseLimitReached, .aloneLimitReached,
        .held,
    ]

    static let waiting = "2026-05-19T08:01:09.400Z [INFO]  core: Waiting for next job"
    static let registered =
        "2026-05-19T08:00:00.700Z [INFO]  core: Agent registered successfully: a"

    /// The lives that break a promise, among all orders of five observations. Looked at once, since
    /// there are 537,824 of them.
    private struct Census {
        var lives = 0
        var somethingTwice: [[LauncherLife.Observation]] = []
        var untimelySignal: [[LauncherLife.Observation]] = []
        var drainedAtWork: [[LauncherLife.Observation]] = []
        var leftTooEarly: [[LauncherLife.Observation]] = []

        init() {
            extend(LauncherLife(), [], [])
        }

        private mutating func extend(
            _ life: LauncherLife,
            _ past: [LauncherLife.Observation],
            _ done: [[LauncherLife.Directive]]
        ) {
            guard past.count < 5 else { return look(past, done) }
            for observation in observations {
                var next = life
                let directives = next.on(observation)
                extend(next, past + [observation], done + [directives])
            }
        }

        private mutating func look(
            _ past: [LauncherLife.Observation],
            _ done: [[LauncherLife.Directive]]
        ) {
            lives += 1
            let starts = done.indices.filter { done[$0].contains(where: Self.isStart) }
            let signals = done.indices.filter { done[$0].contains(where: Self.isSignal) }
            let leaves = done.indices.filter { done[$0].contains(where: Self.isLeave) }
            if starts.count > 1 || signals.count > 1 || leaves.count > 1 {
                somethingTwice.append(past)
            }
            for signal in signals {
                let start = starts.first ?? Int.max
                if start >= signal || past[start..<signal].contains(.agentExited(code: 3)) {
                    untimelySignal.append(past)
                }
                if past[signal] != .jobProcesses(0), past[signal] != .outsideStop(signal: 15) {
                    drainedAtWork.append(past)
                }
            }
            if let start = starts.first, let leave = leaves.first {
                let between = past[start...leave]
                if !between.contains(.agentExited(code: 3)) || !between.contains(.outputSettled) {
                    leftTooEarly.append(past)
                }
            }
        }

        private static func isStart(_ directive: LauncherLife.Directive) -> Bool {
            if case .start = directive { true } else { false }
        }

        private static func isSignal(_ directive: LauncherLife.Directive) -> Bool {
            if case .sendStopSignal = directive { true } else { false }
        }

        private static func isLeave(_ directive: LauncherLife.Directive) -> Bool {
            if case .leave = directive { true } else { false }
        }
    }

    private static let census = Census()

    @Test("over every order of five events: one start, one stop signal, one leave at most")
    func atMostOnce() {
        #expect(Self.census.lives == 537_824)
        #expect(Self.census.somethingTwice.isEmpty)
    }

    @Test("over every order of five events: no signal before the start or after the agent's end")
    func signalsOnlyWhileRunning() {
        #expect(Self.census.untimelySignal.isEmpty)
    }

    @Test("over every order of five events: a drain signals only when no process works for a job")
    func drainOnlyAtRest() {
        #expect(Self.census.drainedAtWork.isEmpty)
    }

    @Test("over every order of five events: an agent that was started has ended before the leave")
    func leavesAfterTheEnd() {
        #expect(Self.census.leftTooEarly.isEmpty)
    }

    private func directives(
        _ observations: [LauncherLife.Observation]
    ) -> [LauncherLife.Directive] {
        var life = LauncherLife()
        return observations.flatMap { life.on($0) }
    }

    @Test("a drain while a process works is refused as busy, and one that cannot tell is too")
    func refusesDrain() {
        #expect(
            directives([
                .named("a"), .drainAsked, .jobProcesses(2), .drainAsked, .jobProcesses(nil),
            ])
                == [
                    .start(name: "a"), .countJobProcesses, .say(.busy(processes: 2)),
                    .countJobProcesses, .say(.busy(processes: 0)),
                ]
        )
    }

    @Test("a repeated drain is answered by the state and sends nothing")
    func repeatsDrain() {
        #expect(
            directives([
                .named("a"), .drainAsked, .jobProcesses(0), .drainAsked, .outsideStop(signal: 2),
                .agentExited(code: 0), .outputSettled, .drainAsked,
            ]) == [
                .start(name: "a"), .countJobProcesses, .sendStopSignal(to: .command),
                .say(.drained),
                .say(.drained), .say(.exited(code: 0)), .say(.drained), .say(.exited(code: 0)),
            ]
        )
    }

    @Test("an agent without a sidecar is stopped once it waits and no process works, and only once")
    func alone() {
        let waiting = LauncherLife.Observation.statusLine(.status(Self.waiting))
        #expect(
            directives([
                .startLimitReached, waiting, .aloneLimitReached, .jobProcesses(0),
                .aloneLimitReached, .drainAsked, .outsideStop(signal: 15),
            ]) == [
                .start(name: nil), .say(.status(Self.waiting)), .countJobProcesses,
                .sendStopSignal(to: .command), .say(.drained), .say(.drained),
            ]
        )
    }

    @Test(
        "an agent without a sidecar that works, or of which nothing is known, goes on",
        arguments: [
            [], [registered], [waiting, "Job received: b"],
            // Hook output without a newline before it, or after it, or on both sides of JSON.
            ["done." + waiting], [waiting + "done."], ["  " + waiting],
            ["Agent registered successfully? checking with curl ... Waiting for next job"],
            [#"done.{"@level":"info","@message":"Waiting for next job","@module":"core"}"#],
            [#"{"@message":"Waiting for next job","@module":"core"}done."#],
            [#"{}{"@message":"Waiting for next job","@module":"core"}"#],
            [
                #"{"a":"{","@message":"x","b":"\"@message\":\"Waiting for next job\"","@module":"core"}"#
            ],
            [#"{"a":{"@message":"Waiting for next job"},"@module":"core"}"#],
            [#"{"@message":"Waiting for next job","@module":"terraform"}"#],
            [#"{"@message":"Waiting for next job","@module":"core"#],
            ["2026-05-19T08:01:09.400Z [INFO]  terraform: core: Waiting for next job"],
            ["2026-05-19T08:01:09.400Z core: Waiting for next job"],
        ]
    )
    func aloneAtWork(lines: [String]) {
        let said = lines.map { LauncherLife.Observation.statusLine(.status($0)) }
        let all = directives([.named("a")] + said + [.aloneLimitReached])
        #expect(!all.contains(.countJobProcesses))
    }

    @Test(
        "each form in which the agent says that it waits is understood",
        arguments: [
            waiting, waiting + "\r",
            "2023-04-14T17:12:43Z [INFO] core: Waiting for next job",
            #"{"@level":"info","@message":"Waiting for next job","@module":"core"}"#,
            #"{"@module":"core", "n": [1, {"x": "]"}], "@message" : "Waiting for next job"} "#,
        ]
    )
    func waits(line: String) {
        let all = directives([.named("a"), .statusLine(.status(line)), .aloneLimitReached])
        #expect(all.last == .countJobProcesses)
    }

    @Test("an agent below its command gets the signal, and its own end is the end")
    func agentBelow() {
        #expect(
            directives([
                .named("a"), .agentFound(isCommand: false), .outsideStop(signal: 15),
                .commandExited(code: 3), .noAgentFound(othersLive: true), .agentExited(code: 7),
                .noAgentFound(othersLive: false), .outputSettled,
            ]) == [
                .start(name: "a"), .sendStopSignal(to: .agent), .say(.stopping),
                .say(.exited(code: 7)),
            ]
        )
    }

    @Test(
        "once an agent has worked and its command is over, nothing is sought that could follow it"
    )
    func nothingFollows() {
        for end in [
            [LauncherLife.Observation.commandExited(code: 3), .agentExited(code: 7)],
            [.agentExited(code: 7), .commandExited(code: 3)],
        ] {
            var life = LauncherLife()
            for observation in [
                .named("a"), .agentFound(isCommand: false),
                .statusLine(.status(Self.registered)),
            ] + end {
                _ = life.on(observation)
            }
            #expect(!life.seeksAgent)
            #expect(life.on(.outputSettled) == [.say(.exited(code: 7))])
        }
    }

    @Test("an orphan may be the agent until one is gone that spoke, hid its state or was to stop")
    func acceptsOrphans() {
        let cases: [([LauncherLife.Observation], Bool)] = [
            ([], true), ([.statusLine(.status(Self.registered))], false),
            ([.silenced(level: "warn")], false), ([.outsideStop(signal: 15)], false),
        ]
        for (observations, accepts) in cases {
            var life = LauncherLife()
            for observation in [.named("a"), .agentFound(isCommand: false)] + observations {
                _ = life.on(observation)
            }
            #expect(life.acceptsOrphans)
            _ = life.on(.agentExited(code: 0))
            #expect(life.acceptsOrphans == accepts)
            #expect(life.seeksAgent)
        }
    }

    @Test("an agent's code that only its command knows is the command's")
    func codeOfCommand() {
        #expect(
            directives([
                .named("a"), .agentFound(isCommand: false), .agentExited(code: nil),
                .commandExited(code: 9), .noAgentFound(othersLive: false), .outputSettled,
            ]).last == .say(.exited(code: 9))
        )
    }

    @Test("a command that outlives its agent, and starts no other in time, is ended")
    func commandGoesOn() {
        #expect(
            directives([
                .named("a"), .agentFound(isCommand: false),
                .statusLine(.status(Self.registered)), .agentExited(code: nil),
                .noAgentFound(othersLive: true), .searchLimitReached, .outputSettled,
            ]) == [
                .start(name: "a"), .say(.status(Self.registered)), .endCommand,
                .say(.exited(code: 0)),
            ]
        )
    }

    @Test("the level that hides the agent's state is told to each sidecar")
    func silenced() {
        var life = LauncherLife()
        _ = life.on(.named("a"))
        #expect(life.on(.silenced(level: "warn")) == [.say(.silenced(level: "warn"))])
        #expect(life.greeting == [.hello(version: 1), .silenced(level: "warn")])
    }

    @Test("a stop before the start starts nothing and leaves at once")
    func stopBeforeStart() {
        #expect(
            directives([.outsideStop(signal: 2), .named("a")]) == [
                .say(.stopping), .say(.exited(code: 130)), .leave(code: 130, .stoppedBeforeStart),
            ]
        )
    }

    @Test("a drain before the start starts nothing and is held open until the release")
    func drainBeforeStart() {
        #expect(
            directives([.drainAsked, .named("a"), .released]) == [
                .say(.drained), .say(.exited(code: 143)), .leave(code: 143, .released),
            ]
        )
    }

    @Test("an output that nobody reads delays the leave but not the news of the exit")
    func unreadOutput() {
        #expect(
            directives([
                .startLimitReached, .agentExited(code: 1), .outputLimitReached, .released,
            ]) == [.start(name: nil), .say(.exited(code: 1))]
        )
        #expect(
            directives([
                .startLimitReached, .agentExited(code: 1), .outputLimitReached, .released,
                .outputSettled,
            ]).last == .leave(code: 1, .released)
        )
    }

    /// What a launcher does after an agent that exited with 3 and whose departure is booked.
    private func afterEnd(
        _ observations: LauncherLife.Observation...
    ) -> [LauncherLife.Directive] {
        var life = LauncherLife()
        for observation in [.named("a"), .agentExited(code: 3), .outputSettled]
            as [LauncherLife.Observation]
        {
            _ = life.on(observation)
        }
        return observations.flatMap { life.on($0) }
    }

    @Test("a container that is held outlasts the limit, and ECS's stop ends it at once")
    func held() {
        #expect(
            afterEnd(.held, .releaseLimitReached, .held, .outsideStop(signal: 15), .released)
                == [.leave(code: 3, .stoppedWhileHeld)]
        )
    }

    @Test(
        "a stop that came while the departure was being booked ends the container once it is held"
    )
    func stoppedBeforeHold() {
        #expect(afterEnd(.outsideStop(signal: 15)) == [])
        #expect(
            afterEnd(.outsideStop(signal: 15), .held) == [.leave(code: 3, .stoppedWhileHeld)]
        )
    }

    @Test("a held container is released as any other, and ends when no sidecar answers")
    func heldEnds() {
        #expect(afterEnd(.held, .released) == [.leave(code: 3, .released)])
        #expect(afterEnd(.held, .aloneLimitReached) == [.leave(code: 3, .heldAlone)])
        // Without a hold the limit after the agent's end is the only one.
        #expect(afterEnd(.aloneLimitReached) == [])
    }

    @Test("nothing is held before the agent's end")
    func heldTooEarly() {
        #expect(
            directives([
                .named("a"), .held, .agentExited(code: 3), .outputSettled, .releaseLimitReached,
            ]).last == .leave(code: 3, .releaseLimitReached)
        )
    }
}
