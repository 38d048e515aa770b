import Decisions
import Telemetry
import Testing

@testable import Sidecar

@Suite("Life meter")
struct LifeMeterTests {
    private let plan: Job
    private let apply: Job

    init() throws {
        plan = try #require(Job(id: "run-1", type: "plan"))
        apply = try #require(Job(id: "run-1", type: "apply"))
    }

    private static func at(_ seconds: Double) -> Instant {
        Instant(sinceOrigin: .milliseconds(Int(seconds * 1_000)))
    }

    /// - Returns: event and measurements of each line.
    private func lines(
        _ meter: inout LifeMeter,
        _ observation: Observation,
        at seconds: Double
    ) -> [(EventName, Measurements)] {
        meter.see(observation, at: Self.at(seconds)).map { ($0.event, $0.measured) }
    }

    private func fresh(restarted: Bool = false) -> LifeMeter {
        LifeMeter(
            LifeMeter.Start(pull: .seconds(9), sincePull: .milliseconds(1_500)),
            restarted: restarted
        )
    }

    @Test(
        "a boot is measured from the images' pull to the agent's first wait, in parts that add up"
    )
    func boot() throws {
        var meter = fresh()
        meter.see(.nameAgent, at: Self.at(0.5))
        let ready = lines(&meter, .agent(.waiting), at: 4)
        #expect(ready.map(\.0) == [.agentReady])
        #expect(
            ready[0].1
                == [
                    .boot: 14.5, .bootPull: 9, .bootStart: 1.5, .bootProtect: 0.5,
                    .bootRegister: 3.5,
                ]
        )
        #expect(lines(&meter, .agent(.waiting), at: 5).isEmpty)
    }

    @Test(
        "the wait for the first job is a part of the boot; that for a later one is idle time alone"
    )
    func firstJob() {
        var meter = fresh()
        meter.see(.nameAgent, at: Self.at(0))
        _ = lines(&meter, .agent(.waiting), at: 1)
        let first = lines(&meter, .agent(.received(plan)), at: 8)
        #expect(first.map(\.1) == [[.idleTime: 7, .bootFirstJob: 7]])
        _ = lines(&meter, .agent(.waiting), at: 20)
        _ = lines(&meter, .unlinked, at: 21)
        let next = lines(&meter, .agent(.received(apply)), at: 25)
        #expect(next.map(\.1) == [[.idleTime: 5]])
    }

    @Test(
        "a renewed agent's start is measured, and is no boot; nor is one that was seen by another sidecar"
    )
    func noBoot() {
        var meter = fresh()
        meter.see(.nameAgent, at: Self.at(0))
        _ = lines(&meter, .agent(.waiting), at: 1)
        meter.see(.nameNext(2), at: Self.at(10))
        #expect(lines(&meter, .agent(.waiting), at: 12).map(\.1) == [[.bootRegister: 2]])
        var later = fresh(restarted: true)
        #expect(lines(&later, .agent(.waiting), at: 1).map(\.0) == [.agentWaits])
    }

    @Test("idle and busy times end where the other begins")
    func times() {
        var meter = fresh(restarted: true)
        _ = lines(&meter, .agent(.waiting), at: 10)
        let started = lines(&meter, .agent(.received(plan)), at: 40)
        #expect(started.map(\.0) == [.jobStarted] && started[0].1 == [.idleTime: 30])
        #expect(lines(&meter, .agent(.received(plan)), at: 50).isEmpty)
        let ended = lines(&meter, .agent(.waiting), at: 100)
        #expect(ended.map(\.0) == [.jobEnded] && ended[0].1 == [.jobDuration: 60])
        let gone = lines(&meter, .agent(.exited(code: 0)), at: 125)
        #expect(gone.map(\.0) == [.agentExited] && gone[0].1 == [.idleTime: 25])
    }

    @Test("an agent that dies at work ends its job with its code")
    func died() {
        var meter = fresh(restarted: true)
        _ = lines(&meter, .agent(.received(plan)), at: 1)
        let records = meter.see(.agent(.exited(code: 137)), at: Self.at(6))
        #expect(records.map(\.event) == [.jobEnded, .agentExited])
        #expect(records[0].fields[.code] == .count(137))
        #expect(records[0].measured == [.jobDuration: 5])
    }

    @Test("after a lost link it is said when it is known again that the agent waits")
    func link() {
        var meter = fresh(restarted: true)
        _ = lines(&meter, .agent(.waiting), at: 1)
        #expect(lines(&meter, .unlinked, at: 2).map(\.0) == [.launcherLost])
        #expect(lines(&meter, .agent(.waiting), at: 3).map(\.0) == [.agentWaits])
        #expect(lines(&meter, .agent(.waiting), at: 4).isEmpty)
    }

    @Test("each answer about protection is told, and each failure counted")
    func protection() {
        var meter = fresh()
        let answers: [(ProtectionReport, EventName, Measurements)] = [
            (.protected(for: .seconds(60)), .protectionGranted, [:]),
            (.blocked, .protectionBlocked, [:]),
            (.refused("no"), .protectionRefused, [.protectionFailures: 1]),
            (.unclear("no answer"), .protectionRefused, [.protectionFailures: 1]),
            (.held(for: .seconds(9), "no"), .protectionRefused, [.protectionFailures: 1]),
        ]
        for (report, event, measured) in answers {
            let told = lines(&meter, .protection(report), at: 1)
            #expect(told.map(\.0) == [event] && told[0].1 == measured)
        }
    }

    @Test("departures and failures of the ledger are counted")
    func ledger() {
        var meter = fresh()
        let departed = meter.see(
            .booked(.departure(.recycles(.holdsJob)), sizeChanged: false),
            at: Self.at(1)
        )
        #expect(departed.map(\.measured) == [[.departures: 1]])
        #expect(departed[0].fields[.reasonName] == "recycled")
        #expect(lines(&meter, .ledgerFailed("away"), at: 2).map(\.1) == [[.ledgerFailures: 1]])
    }
}
