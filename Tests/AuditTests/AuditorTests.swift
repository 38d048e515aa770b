import Audit
import Decisions
import Telemetry
import Testing

@Suite("Audit")
struct AuditorTests {
    /// Lines as the programs write them, a second apart.
    private struct Log {
        private(set) var text = ""
        private var second: Int64 = 1_700_000_000

        mutating func say(
            _ event: EventName,
            by program: String = "agent-sidecar",
            _ fields: LogFields = [:],
            measuring measured: Measurements = [:]
        ) {
            second += 1
            let place: LogFields = [.cluster: "c", .service: "s"]
            let all =
                program == "agent-sidecar" ? place.merging([.task: "t1"]) { $1 } : place
            let record = LogRecord(
                event,
                "words",
                all.merging(fields) { $1 },
                measuring: measured
            )
            text += record.line(at: LogMoment(milliseconds: second * 1_000), by: program)
        }

        /// A task from its start until its agent waits.
        mutating func start(isProtected: Bool = true) {
            say(.sidecarStarted, [.restarted: .flag(false), .mode: "single"])
            if isProtected { say(.protectionGranted, [.seconds: .number(3_600)]) }
            say(.agentNamed)
            say(.agentReady, measuring: [.boot: 40])
        }

        mutating func work(_ job: String = "run-1/plan") {
            say(.jobAnnounced, by: "scale-up-lambda", [.job: .text(job)])
            say(.jobStarted, [.job: .text(job)], measuring: [.idleTime: 7])
            say(.jobEnded, [.job: .text(job)])
        }

        mutating func leave(size: (Int, Int) = (1, 0)) {
            say(.agentDrained)
            say(.stopSignalGiven, by: "agent-launcher", [.agent: "s-t1"])
            say(.agentExited, [.code: .count(0)])
            say(.sizeChanged, [.sizeBefore: .count(size.0), .size: .count(size.1)])
            say(.departed, [.reasonName: "retired"])
            say(.protectionReturned)
        }
    }

    private func audit(_ tell: (inout Log) -> Void) -> Audit {
        var log = Log()
        tell(&log)
        var auditor = Auditor()
        auditor.read(log.text)
        return auditor.audit()
    }

    private func verdicts(_ audit: Audit) -> [Int: RuleVerdict.Answer] {
        Dictionary(uniqueKeysWithValues: audit.findings.map { ($0.number, $0.verdict) })
    }

    @Test("a life that keeps the promises is told, and what no line shows is not claimed")
    func sound() throws {
        let audit = audit { log in
            log.start()
            log.work()
            log.leave()
        }
        #expect(!audit.isBroken)
        let held = verdicts(audit).filter { $0.value == .held }.keys.sorted()
        #expect(held == [1, 2, 3, 4, 5, 6, 9])
        #expect(audit.findings.count == 10)
        let story = try #require(audit.jobs.first)
        #expect(story.wait == 1 && story.duration == 1 && story.task == TaskID("t1"))
        #expect(!story.isLost && audit.jobs.count == 1 && audit.tasks == 1)
        #expect(audit.times[.boot]?.median == 40 && audit.times[.idle]?.longest == 7)
    }

    @Test("each promise that lines can show to be broken is found by its number")
    func broken() {
        let cases: [(rule: Int, tell: (inout Log) -> Void)] = [
            (1, { $0.start(isProtected: false) }),
            (
                2,
                { log in
                    log.start()
                    log.work()
                    log.leave()
                    log.say(.stopSignalGiven, by: "agent-launcher", [.agent: "s-t1"])
                }
            ),
            (
                4,
                { log in
                    log.start()
                    log.leave(size: (3, 1))
                }
            ),
            (
                4,
                { log in
                    log.start()
                    log.say(.sizeChanged, [.sizeBefore: .count(1), .size: .count(0)])
                }
            ),
            (
                6,
                { log in
                    log.start()
                    log.say(.launcherLost)
                    log.say(.agentDrained)
                }
            ),
            (
                9,
                { log in
                    log.start()
                    log.work()
                    log.work("run-2/plan")
                }
            ),
        ]
        for (rule, tell) in cases {
            let found = audit(tell)
            #expect(found.isBroken && verdicts(found)[rule] == .broken, "rule \(rule)")
        }
    }

    @Test("a container that was renewed, or that is shared, may have a second job")
    func secondJob() {
        let renewed = audit { log in
            log.start()
            log.work()
            log.say(.containerRenewed)
            log.work("run-2/plan")
        }
        #expect(!renewed.isBroken)
        let shared = audit { log in
            log.say(.sidecarStarted, [.restarted: .flag(false), .mode: "shared"])
            log.work()
            log.work("run-2/plan")
        }
        #expect(verdicts(shared)[9] != .broken)
    }

    @Test("of a task whose start is not told nothing is judged, and lines of others are counted")
    func partial() {
        var log = Log()
        log.say(.agentNamed)
        log.work()
        var auditor = Auditor()
        auditor.read("2026-01-31T12:00:00.000Z [INFO]  core: Waiting for next job\n{\"a\":[1]}\n")
        auditor.read(log.text)
        let audit = auditor.audit()
        #expect(!audit.isBroken && audit.tasks == 0 && audit.unread == 2)
        #expect(verdicts(audit)[1] == .cannotTell && audit.jobs.count == 1)
    }

    @Test("a run that lost its agent is held against nobody, unless it may have been signalled")
    func runFirst() throws {
        func verdict(_ tell: (inout Log) -> Void) throws -> RuleVerdict {
            try #require(audit(tell).findings.first { $0.number == 3 })
        }
        let died = { (log: inout Log) in
            log.start()
            log.work()
            log.say(.startedAlone, by: "agent-launcher")
            log.say(.jobStarted, [.job: "run-2/plan"])
            log.say(.jobEnded, [.job: "run-2/plan", .code: .count(137)])
        }
        let crash = try verdict(died)
        #expect(crash.verdict == .held)
        #expect(crash.why.contains { $0.hasPrefix("1 agents ended at work") })
        #expect(crash.why.contains { $0.hasSuffix("1 agents started alone") })
        let stopped = try verdict { log in
            log.say(.stopSignalGiven, by: "agent-launcher", [.agent: "s-t1"])
            died(&log)
        }
        #expect(stopped.verdict == .cannotTell)
        let open = try verdict { log in
            died(&log)
            log.say(.jobStarted, [.job: "run-3/plan"])
        }
        #expect(open.verdict == .cannotTell && open.why == ["1 jobs were not seen to end"])
        #expect(try verdict { $0.start() }.verdict == .cannotTell)
    }

    @Test("a service is at rest once the last sweep finds it at what was asked for, and not before")
    func rest() throws {
        func verdict(
            size: Double,
            wanted: Double,
            away: Double = 0,
            then: (inout Log) -> Void = { _ in }
        ) throws -> RuleVerdict {
            let audit = audit { log in
                log.start()
                log.work()
                log.say(
                    .swept,
                    by: "scale-up-lambda",
                    [.size: .number(size), .wanted: .number(wanted)],
                    measuring: [.serviceAway: away]
                )
                then(&log)
            }
            return try #require(audit.findings.first { $0.number == 7 })
        }
        #expect(try verdict(size: 2, wanted: 2).verdict == .held)
        #expect(
            try verdict(size: 2, wanted: 2).why == [
                "c/s came to rest at 2, which is what was asked for"
            ]
        )
        #expect(try verdict(size: 3, wanted: 2).verdict == .cannotTell)
        #expect(try verdict(size: 2, wanted: 2, away: 1).verdict == .cannotTell)
        #expect(try verdict(size: 2, wanted: 2) { $0.work("run-2/plan") }.verdict == .cannotTell)
    }

    @Test(
        "a line that shows what has the form of a secret breaks the promise, whoever wrote it",
        arguments: [
            "aBcD1234.atlasv1.0123456789", "key ASIAIOSFODNN7EXAMPLE.",
            "https://app.terraform.io/api/v2/task-results/x/callback",
        ]
    )
    func secret(text: String) throws {
        let audit = audit { log in
            log.say(.callFailed, [.cause: .text(text)])
        }
        let finding = try #require(audit.findings.first { $0.number == 8 })
        #expect(finding.verdict == .broken)
        #expect(finding.why.allSatisfy { !$0.contains(text) })
        let harmless = self.audit { log in
            log.say(.callFailed, [.cause: "ASIAN, AKIAIOSFODNN7EXAMPLE1 and atlasv1"])
        }
        #expect(harmless.findings.first { $0.number == 8 }?.verdict == .cannotTell)
    }

    @Test("an agent that dies at work leaves its job as lost")
    func lost() throws {
        let audit = audit { log in
            log.start()
            log.say(.jobStarted, [.job: "run-1/plan"])
            log.say(.jobEnded, [.job: "run-1/plan", .code: .count(137)])
            log.say(.agentExited, [.code: .count(137)])
        }
        #expect(try #require(audit.jobs.first).isLost)
        #expect(audit.text.contains("its agent was gone before"))
    }

    @Test("lines are put in order, with what the AWS CLI writes before them")
    func order() {
        var log = Log()
        log.start()
        log.work()
        log.leave()
        let mixed = log.text.split(separator: "\n").reversed()
            .map { "2026-01-31T12:00:00 agent-sidecar/x \($0)" }.joined(separator: "\n")
        var auditor = Auditor()
        auditor.read(mixed)
        #expect(!auditor.audit().isBroken && auditor.audit().tasks == 1)
    }

    @Test("percentiles are times that were measured")
    func percentiles() throws {
        let audit = audit { log in
            for time in 1...200 {
                log.say(.agentReady, measuring: [.boot: Double(time)])
            }
        }
        let boots = try #require(audit.times[.boot])
        #expect(boots.count == 200 && boots.longest == 200)
        #expect((boots.median, boots.ninetieth, boots.ninetyNinth) == (100, 180, 198))
    }

    @Test("a time that a line tells is read as it was written")
    func moments() {
        for milliseconds: Int64 in [0, 951_782_400_000, 1_709_251_199_999, 4_107_542_400_000] {
            let moment = LogMoment(milliseconds: milliseconds)
            #expect(LogMoment("\(moment)") == moment)
        }
        for text in ["", "2026-01-31", "2026-13-31T00:00:00.000Z", "2026-01-31T00:00:00Z"] {
            #expect(LogMoment(text) == nil)
        }
    }
}
