import AgentLink
import Testing

@Suite("The launcher's decisions where it renews its container")
struct RenewingLifeTests {
    private static let job = LauncherMessage.status("core: Job received: b")

    /// All that can happen, at any time.
    private static let observations: [LauncherLife.Observation] = [
        .named("first"), .nextNamed("next"), .startLimitReached, .statusLine(job),
        .outsideStop(signal: 15), .drainAsked, .jobProcesses(0), .agentExited(code: 0),
        .agentExited(code: 3), .outputSettled, .outputLimitReached, .released,
        .releaseLimitReached, .held, .renewed, .spoiled(.remains), .aloneLimitReached,
    ]

    /// A life, and what somebody knows who has watched it from its start.
    private struct Watched: Hashable {
        var life: LauncherLife
        var isAgentAlive = false
        var hasStarted = false
        var hadJob = false
        var signals = 0
        /// The last agent ended with 0, had a job, and was not to stop.
        var mayRenew = false
        var isRenewing = false
        /// The container was made as it was, said or not.
        var isClean = false
        var isRenewed = false
        /// All that the last agent wrote is passed on.
        var isSettled = false
        /// Something stands against another agent: a stop, a drain, a hold, a release or its limit.
        var isOver = false
        var hasLeft = false

        /// Takes in what happens.
        ///
        /// - Returns: The promises that were broken by it.
        mutating func take(_ observation: LauncherLife.Observation) -> [String] {
            var broken: [String] = []
            let directives = life.on(observation)
            note(observation)
            if hasLeft, !directives.allSatisfy(Self.isStatus) {
                broken.append("acts after its end")
            }
            for directive in directives { perform(directive, observation, &broken) }
            return broken
        }

        private static func isStatus(_ directive: LauncherLife.Directive) -> Bool {
            if case .say(.status) = directive { true } else { false }
        }

        private mutating func note(_ observation: LauncherLife.Observation) {
            switch observation {
            case .statusLine: hadJob = true
            case .outsideStop: isOver = true
            case .held where hasStarted && !isAgentAlive,
                .released where hasStarted && !isAgentAlive,
                .releaseLimitReached where hasStarted && !isAgentAlive,
                .drainAsked where !isAgentAlive:
                isOver = true
            case .renewed where isRenewing: (isRenewing, isClean) = (false, true)
            case .spoiled: isRenewing = false
            case .outputSettled where hasStarted && !isAgentAlive: isSettled = true
            case .agentExited(let code) where isAgentAlive:
                isAgentAlive = false
                mayRenew = code == 0 && hadJob && signals == 0 && !isOver
            default: break
            }
        }

        private mutating func perform(
            _ directive: LauncherLife.Directive,
            _ observation: LauncherLife.Observation,
            _ broken: inout [String]
        ) {
            switch directive {
            case .start(let name):
                if isAgentAlive { broken.append("two agents at once") }
                if hasStarted, !isRenewed {
                    broken.append("a second agent in a container that is not renewed")
                }
                if hasStarted, isOver { broken.append("a second agent after the end") }
                if hasStarted, !isSettled {
                    broken.append("a second agent among the first one's last words")
                }
                if hasStarted, name != "next" {
                    broken.append("a second agent by the first one's word")
                }
                // What was said before the first start is the first one's all the same.
                if hasStarted { hadJob = false }
                (isAgentAlive, hasStarted, signals) = (true, true, 0)
                (mayRenew, isClean, isRenewed, isSettled) = (false, false, false, false)
            case .sendStopSignal:
                signals += 1
                if !isAgentAlive { broken.append("a signal to nobody") }
                if signals > 1 { broken.append("two signals") }
            case .renew:
                if isAgentAlive || !mayRenew || isOver { broken.append("an untimely renewal") }
                (mayRenew, isRenewing) = (false, true)
            case .say(.renewed):
                // It is repeated where a drain is.
                if !isClean { broken.append("says renewed without cause") }
                isRenewed = true
            case .leave:
                if isAgentAlive { broken.append("leaves an agent") }
                hasLeft = true
            case .say, .countJobProcesses, .endCommand: break
            }
        }
    }

    @Test("over every order of events, however long: no promise is broken")
    func promises() {
        var seen: Set<Watched> = []
        var open = [Watched(life: LauncherLife(renews: true))]
        var renewals = 0
        var broken: Set<String> = []
        while let watched = open.popLast() {
            for observation in Self.observations {
                var next = watched
                broken.formUnion(next.take(observation).map { "\($0), on \(observation)" })
                if next.isRenewed, !watched.isRenewed { renewals += 1 }
                if seen.insert(next).inserted { open.append(next) }
            }
        }
        #expect(broken.isEmpty)
        // All of them were looked at, and some were renewed.
        #expect(seen.count > 200)
        #expect(renewals > 0)
    }

    private static let untilRenewal: [LauncherLife.Observation] = [
        .named("first"), .statusLine(job), .agentExited(code: 0), .outputSettled,
    ]

    private func life(_ observations: [LauncherLife.Observation], renews: Bool = true)
        -> LauncherLife
    {
        var life = LauncherLife(renews: renews)
        for observation in observations { _ = life.on(observation) }
        return life
    }

    @Test(
        "the job's end is told first, then the renewal, and the next agent starts with a memory of its own"
    )
    func renews() {
        var life = life(Self.untilRenewal.dropLast())
        #expect(life.on(.outputSettled) == [.say(.exited(code: 0)), .renew])
        #expect(life.on(.renewed) == [.say(.renewed)])
        #expect(life.awaitsNext)
        #expect(
            life.greeting == [
                .hello(version: 1), .status("core: Job received: b"), .exited(code: 0), .renewed,
            ]
        )
        // A sidecar says this on each connection.
        #expect(life.on(.named("first")) == [])
        #expect(life.on(.nextNamed("next")) == [.start(name: "next")])
        #expect(life.greeting == [.hello(version: 1)])
        #expect(life.isRunning && life.acceptsOrphans)
        #expect(life.on(.nextNamed("third")) == [])
    }

    @Test("again and again")
    func renewsAgain() {
        var life = life(Self.untilRenewal + [.renewed])
        for _ in 0..<5 {
            #expect(life.on(.nextNamed("next")) == [.start(name: "next")])
            _ = life.on(.statusLine(Self.job))
            _ = life.on(.agentExited(code: 0))
            #expect(life.on(.outputSettled) == [.say(.exited(code: 0)), .renew])
            #expect(life.on(.renewed) == [.say(.renewed)])
        }
    }

    @Test(
        "output that never settles keeps no container from its renewal, and the next agent waits for it"
    )
    func unsettled() {
        var life = life(Self.untilRenewal.dropLast())
        #expect(life.on(.outputLimitReached) == [.say(.exited(code: 0)), .renew])
        #expect(life.on(.outputLimitReached) == [])
        #expect(life.on(.renewed) == [])
        #expect(!life.awaitsNext && life.awaitsOutput)
        #expect(life.on(.nextNamed("next")) == [])
        #expect(life.on(.outputSettled) == [.say(.renewed)])
        #expect(life.awaitsNext)
        #expect(life.on(.nextNamed("next")) == [.start(name: "next")])
    }

    @Test("a spoiled container ends as one that is never renewed")
    func spoiled() {
        var life = life(Self.untilRenewal)
        #expect(life.on(.spoiled(.processes)) == [.say(.spoiled(.processes))])
        #expect(life.on(.nextNamed("next")) == [])
        #expect(life.on(.released) == [.leave(code: 0, .released)])
    }

    @Test("nobody answers: the container ends")
    func alone() {
        var life = life(Self.untilRenewal + [.renewed])
        #expect(life.on(.releaseLimitReached) == [.leave(code: 0, .releaseLimitReached)])
        #expect(life.on(.nextNamed("next")) == [])
    }

    @Test(
        "a renewed container that is asked to stop gets no next agent, and says so",
        arguments: [
            (LauncherLife.Observation.outsideStop(signal: 15), [LauncherMessage.stopping]),
            (.drainAsked, [.drained, .exited(code: 0)]), (.held, []),
        ]
    )
    func stopped(_ observation: LauncherLife.Observation, _ said: [LauncherMessage]) {
        var life = life(Self.untilRenewal + [.renewed])
        #expect(life.on(observation) == said.map { .say($0) })
        // Nor does a sidecar that is started anew hear that there could be one.
        #expect(!life.greeting.contains(.renewed))
        #expect(life.on(.nextNamed("next")) == [])
        #expect(life.on(.released) == [.leave(code: 0, .released)])
    }

    @Test(
        "no renewal without a job, with another code, after a stop or a release, or where none is wanted",
        arguments: [
            ([.named("a"), .agentExited(code: 0), .outputSettled], true),
            ([.named("a"), .statusLine(job), .agentExited(code: 3), .outputSettled], true),
            (
                [
                    .named("a"), .agentFound(isCommand: false), .statusLine(job),
                    .agentExited(code: nil), .commandExited(code: 1),
                    .outputSettled,
                ], true
            ),
            (
                [
                    .named("a"), .statusLine(job), .outsideStop(signal: 15), .agentExited(code: 0),
                    .outputSettled,
                ],
                true
            ),
            (
                [.named("a"), .statusLine(job), .agentExited(code: 0), .released, .outputSettled],
                true
            ),
            (
                [
                    .named("a"), .statusLine(job), .agentExited(code: 0), .outsideStop(signal: 15),
                    .outputSettled,
                ], true
            ),
            (untilRenewal, false),
        ] as [([LauncherLife.Observation], Bool)]
    )
    func refuses(_ observations: [LauncherLife.Observation], _ renews: Bool) {
        var life = LauncherLife(renews: renews)
        let directives = observations.flatMap { life.on($0) }
        #expect(!directives.contains(.renew))
    }
}
