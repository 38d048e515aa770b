import AWS
import Curl
import Daemon
import Ports
import Synchronization
import Testing

@testable import Sidecar

/// The start of a sidecar, in virtual time.
@Suite("A sidecar's first minute")
struct FirstMinuteTests {
    /// Sleeps take no time, and each sleeper's time is kept.
    private final class Clock: Sendable {
        private let passed = Mutex<Duration>(.zero)
        private let origin = ContinuousClock.now
        var time: Duration { passed.withLock { $0 } }

        var retry: RetryClock {
            RetryClock(
                sleep: { time in
                    try Task.checkCancellation()
                    self.passed.withLock { $0 += time }
                },
                random: { 0.999 },
                now: { self.origin.advanced(by: self.time) }
            )
        }
    }

    private final class Complaints: Sendable {
        private let heard = Mutex<[String]>([])
        var all: [String] { heard.withLock { $0 } }
        func take(_ text: String) { heard.withLock { $0.append(text) } }
    }

    private let clock = Clock()
    private let complaints = Complaints()

    private func minute() -> FirstMinute {
        FirstMinute(retry: clock.retry) { [complaints] in complaints.take($0) }
    }

    @Test("what fails is tried for longer than ECS wants a container to have run, and then fails")
    func lasting() async {
        let tries = Mutex(0)
        await #expect(throws: AgentEndpointFailure.status(500)) {
            try await minute().attempt("the task metadata cannot be read") {
                tries.withLock { $0 += 1 }
                throw AgentEndpointFailure.status(500)
            }
        }
        #expect(clock.time > .seconds(60))
        #expect(clock.time < .seconds(70))
        #expect(tries.withLock { $0 } > 10)
    }

    @Test("what passes in time lets the start go on, and each cause in a row is said once")
    func passing() async throws {
        let failures: [AgentEndpointFailure] = [
            .status(429), .status(429), .status(500), .malformed(cause: "empty"),
        ]
        let tries = Mutex(0)
        let answer = try await minute().attempt("the task metadata cannot be read") {
            let number = tries.withLock { tries in
                tries += 1
                return tries
            }
            if number <= failures.count { throw failures[number - 1] }
            return "here"
        }
        #expect(answer == "here")
        #expect(complaints.all.count == 3)
        #expect(
            complaints.all.first
                == "the task metadata cannot be read: HTTP status 429; tried again"
        )
    }

    @Test("the steps of a start share one minute")
    func shared() async {
        let minute = minute()
        await #expect(throws: AgentEndpointFailure.self) {
            try await minute.attempt("one") { throw AgentEndpointFailure.status(500) }
        }
        let tries = Mutex(0)
        await #expect(throws: AgentEndpointFailure.self) {
            try await minute.attempt("two") {
                tries.withLock { $0 += 1 }
                throw AgentEndpointFailure.status(500)
            }
        }
        #expect(tries.withLock { $0 } == 1)
    }

    @Test("what only a person can mend is not tried again")
    func settings() async {
        let faults: [any Error] = [
            SettingsFault.some, AWSSettingsFailure(problems: ["x"]),
            CurlSetupFailure.unreadableCABundle(path: "x"),
        ]
        for fault in faults {
            await #expect(throws: (any Error).self) {
                try await minute().attempt("the start") { throw fault }
            }
        }
        #expect(clock.time == .zero)
    }

    @Test("a sidecar that gave up in its first seconds stays until the minute is over")
    func rests() async {
        await minute().rest()
        #expect(clock.time == FirstMinute.length)
    }

    @Test("nobody who asks to stop waits for the minute, and the signal is passed on")
    func stopped() async throws {
        let (stops, stop) = AsyncStream.makeStream(of: Int32.self)
        // Sleeps until it is cancelled.
        let retry = RetryClock(sleep: { _ in for await _ in AsyncStream<Void>.makeStream().stream {}
        })
        let minute = FirstMinute(retry: retry) { _ in }
        let listening = Task { await minute.listen(to: stops) }
        defer { listening.cancel() }
        let attempt = Task {
            try await minute.attempt("the start") { throw AgentEndpointFailure.status(500) }
        }
        stop.yield(15)
        for await signal in minute.stops {
            #expect(signal == 15)
            break
        }
        await #expect(throws: AgentEndpointFailure.status(500)) { try await attempt.value }
        await minute.rest()
    }
}

extension SettingsFault {
    fileprivate static var some: SettingsFault {
        var reader = SettingsReader([:])
        reader.problem("x")
        do {
            try reader.check()
        } catch {
            return error
        }
        preconditionFailure("a problem is a fault")
    }
}
