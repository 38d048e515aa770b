import Decisions
import Seeded
import Testing

/// Random lives: every order of agent events, answers, failures, lost links and timers.
@Suite("Retirement, random lives")
struct RetirementPropertyTests {
    /// What is really so, whatever the sidecar was told.
    struct Truth {
        var alive = true
        var started = false
        var job: Job?
        var signals = 0
        var ledgerUnderWay: LedgerOperation?
        var projectUnderWay = false
        var protectUnderWay = false
        var compareUnderWay = false
        var watchUnderWay = false
        var unprotectUnderWay = false
        var lookUnderWay = false
        var heard: AgentHeard = .nothing
        var linked = false
        var departures = 0
        var allowed = 0
        var released = false
        /// The agent has ended well, and the launcher has not said yet what became of the container.
        var mayRenew = false
        /// The container waits for the next agent's name.
        var isRenewed = false
        var renewals = 0
    }

    enum AgentHeard { case nothing, waiting, job, unreadable, exited }

    @Test(
        "no order of events stops a busy agent or books a living one",
        arguments: [1, 2, 3, 4, 5, 6] as [UInt64]
    )
    func lives(_ seed: UInt64) async throws {
        print("retirement seed \(seed)")
        var generator = SeededRandom(seed: seed)
        for _ in 0..<300 {
            // The tests share two threads; those that watch a clock must get their turn.
            await Task.yield()
            try live(&generator)
        }
    }

    private func live(_ generator: inout SeededRandom) throws {
        let restarted = Int.random(in: 0..<4, using: &generator) == 0
        let lifetime: Duration? = Bool.random(using: &generator) ? .seconds(2_000) : nil
        var story = Story(
            .init(
                maxLifetime: lifetime,
                renewal: renewal(&generator),
                watchesAgent: true,
                restarted: restarted
            )
        )
        var truth = Truth()
        truth.started = restarted
        check(story.tell(.woke), &truth)
        for _ in 0..<200 {
            let observation = next(&truth, story, &generator)
            let pause = Duration.seconds(Int.random(in: 0...90, using: &generator))
            check(story.tell(observation, after: pause), &truth)
            if observation == .linked {
                check(story.tell(.agent(.registered(id: "agent-1"))), &truth)
            }
            if truth.released { break }
        }
    }

    private func renewal(_ generator: inout SeededRandom) -> Retirement.Renewal? {
        guard Bool.random(using: &generator) else { return nil }
        return .init(maxJobs: [nil, 1, 3].randomElement(using: &generator) ?? nil)
    }

    /// Something that can happen now.
    private func next(
        _ truth: inout Truth,
        _ story: Story,
        _ generator: inout SeededRandom
    ) -> Observation {
        for _ in 0..<20 {
            switch Int.random(in: 0..<18, using: &generator) {
            case 0 where truth.protectUnderWay:
                truth.protectUnderWay = false
                let answers: [ProtectionReport] = [
                    .protected(for: .seconds(7_200)), .protected(for: .seconds(600)), .blocked,
                    .refused("denied"), .unclear("timeout"),
                ]
                return .protection(answers.randomElement(using: &generator) ?? .blocked)
            case 1, 2:
                guard let operation = truth.ledgerUnderWay else { continue }
                truth.ledgerUnderWay = nil
                return answer(operation, &generator)
            case 3 where truth.projectUnderWay:
                truth.projectUnderWay = false
                return Bool.random(using: &generator) ? .projected : .projectionFailed("denied")
            case 4 where truth.compareUnderWay:
                truth.compareUnderWay = false
                return .compared(
                    Comparison(
                        size: 1,
                        desired: 2,
                        running: Int.random(in: 0...3, using: &generator),
                        rollout: Bool.random(using: &generator) ? Rollout() : .settled
                    )
                )
            case 5 where truth.unprotectUnderWay:
                truth.unprotectUnderWay = false
                return Bool.random(using: &generator) ? .unprotected : .unprotectFailed("denied")
            case 15 where truth.lookUnderWay:
                truth.lookUnderWay = false
                return .looked([Rollout(), .settled, nil].randomElement(using: &generator) ?? nil)
            case 6 where !truth.linked:
                truth.linked = true
                truth.heard = .nothing
                return .linked
            case 7 where truth.linked && Int.random(in: 0..<4, using: &generator) == 0:
                truth.linked = false
                truth.heard = .nothing
                return .unlinked
            case 8 where truth.linked && truth.alive && truth.started && truth.job == nil:
                truth.job = Job(id: "run-\(Int.random(in: 0..<9, using: &generator))", type: "plan")
                guard let job = truth.job else { continue }
                truth.heard = .job
                return .agent(.received(job))
            case 9, 10:
                guard truth.linked, truth.alive, truth.started, truth.signals == 0 else { continue }
                truth.job = nil
                truth.heard = .waiting
                return .agent(.waiting)
            case 11 where truth.linked && truth.alive && truth.started:
                guard truth.signals > 0 || Int.random(in: 0..<6, using: &generator) == 0 else {
                    continue
                }
                truth.alive = false
                truth.mayRenew = truth.signals == 0
                truth.job = nil
                truth.heard = .exited
                return .agent(.exited(code: 0))
            case 16, 17:
                guard truth.linked, truth.mayRenew, truth.heard == .exited else { continue }
                return renew(&truth, &generator)
            case 12 where truth.linked && truth.signals > 0 && truth.alive:
                return .agent(.drained)
            case 13 where Int.random(in: 0..<12, using: &generator) == 0:
                guard truth.linked, truth.alive else { continue }
                truth.heard = .unreadable
                return .agent(.unreadable)
            case 14 where truth.watchUnderWay:
                truth.watchUnderWay = false
                let answers: [WatchReport] = [
                    .seen(.idle), .seen(.busy), .seen(.unknown), .seen(.errored), .seen(.exited),
                    .failed("timed out", wait: nil),
                ]
                return .watched(answers.randomElement(using: &generator) ?? .seen(.idle))
            default:
                continue
            }
        }
        return .woke
    }

    private func renew(_ truth: inout Truth, _ generator: inout SeededRandom) -> Observation {
        truth.mayRenew = false
        truth.isRenewed = Int.random(in: 0..<5, using: &generator) > 0
        return .agent(truth.isRenewed ? .renewed : .spoiled("remains"))
    }

    private func answer(
        _ operation: LedgerOperation,
        _ generator: inout SeededRandom
    ) -> Observation {
        if Int.random(in: 0..<4, using: &generator) == 0 { return .ledgerFailed("timed out") }
        let changed = Bool.random(using: &generator)
        switch operation {
        case .report(let job, _, _, _): return .booked(.reported(job), sizeChanged: changed)
        case .reserve:
            let answers: [ReserveAnswer] = [
                .granted(.surplus), .granted(.stray), .refused(.needed(staying: 1, want: 1)),
            ]
            return .booked(
                .reserve(answers.randomElement(using: &generator) ?? .granted(.surplus)),
                sizeChanged: false
            )
        case .rejoin: return .booked(.rejoined, sizeChanged: changed)
        case .depart:
            let answers: [Departure] = [
                .retired, .strayed, .bookedBefore, .recycles(.needed(staying: 1, want: 1)),
            ]
            return .booked(
                .departure(answers.randomElement(using: &generator) ?? .retired),
                sizeChanged: changed
            )
        case .expose: return .booked(.exposed, sizeChanged: changed)
        case .cover: return .booked(.covered, sizeChanged: changed)
        }
    }

    private func check(_ directives: [Directive], _ truth: inout Truth) {
        for directive in directives {
            switch directive {
            case .drain:
                #expect(truth.heard == .waiting, "rule 6: drained while \(truth.heard)")
                #expect(truth.linked)
                #expect(truth.alive)
                truth.signals += 1
            case .ledger(let operation):
                #expect(truth.ledgerUnderWay == nil, "two ledger operations at once")
                truth.ledgerUnderWay = operation
                if case .depart = operation {
                    #expect(!truth.alive, "rule 4: booked a living agent")
                    truth.departures += 1
                }
            case .protect:
                #expect(!truth.protectUnderWay)
                truth.protectUnderWay = true
            case .unprotect:
                #expect(!truth.alive, "rule 1: a living agent lost its protection")
                #expect(!truth.unprotectUnderWay)
                truth.unprotectUnderWay = true
            case .hold:
                #expect(!truth.alive && truth.departures > 0, "held open without a departure")
            case .look:
                #expect(!truth.lookUnderWay)
                truth.lookUnderWay = true
            case .release:
                #expect(!truth.alive, "released a living agent")
                truth.released = true
            case .project:
                #expect(!truth.projectUnderWay)
                truth.projectUnderWay = true
            case .compare: truth.compareUnderWay = true
            case .watch: truth.watchUnderWay = true
            case .allowAgent:
                truth.allowed += 1
                #expect(truth.allowed == 1)
                truth.started = true
            case .nameAgent: truth.started = true
            case .nameNext(let number):
                #expect(
                    truth.linked && truth.isRenewed,
                    "a second agent in a container of the first"
                )
                #expect(!truth.alive && truth.departures == 0, "a next agent of a task that left")
                truth.renewals += 1
                #expect(number == truth.renewals + 1)
                (truth.alive, truth.isRenewed, truth.signals) = (true, false, 0)
                truth.heard = .nothing
            case .end: Issue.record("ended without being asked")
            case .wakeAt, .note, .warn, .alarm: break
            }
        }
    }
}
