import HCPTerraform
import ScaleUp
import Synchronization
import Testing

private struct Failure: Error {}

/// An SSM parameter that a test changes, and that counts its readings.
private final class Parameter: Sendable {
    private struct State {
        var value: String?
        var readings = 0
    }

    private let state: Mutex<State>

    init(_ value: String?) { state = Mutex(State(value: value)) }

    var readings: Int { state.withLock(\.readings) }

    func set(_ value: String?) { state.withLock { $0.value = value } }

    func read() throws -> String {
        let value = state.withLock { state in
            state.readings += 1
            return state.value
        }
        guard let value else { throw Failure() }
        return value
    }
}

private let body = Array("body".utf8)

/// Which of some secrets the keys accept.
private func accepted(_ keys: [RunTaskKey], _ secrets: [String] = ["a", "b", "c"]) -> [String] {
    secrets.filter { secret in
        let signature = RunTaskKey(secret).sign(body)
        return keys.contains { $0.signed(body, signature: signature) }
    }
}

@Suite("Run task keys")
struct RunTaskKeysTests {
    private let clock = FakeClock()

    private func keys(_ parameter: Parameter) -> RunTaskKeys {
        RunTaskKeys(read: { try parameter.read() }, now: { [clock] in clock.now })
    }

    @Test("a new key is accepted within five minutes, and the old one for five minutes more")
    func rotation() async throws {
        let parameter = Parameter("a")
        let keys = keys(parameter)
        #expect(accepted(try await keys.current()) == ["a"])
        parameter.set("b")
        clock.advance(.seconds(200))
        #expect(accepted(try await keys.current()) == ["a"])
        clock.advance(.seconds(99))
        #expect(accepted(try await keys.current()) == ["a", "b"])
        for _ in 0..<10 {
            clock.advance(.seconds(30))
            #expect(accepted(try await keys.current()) == ["a", "b"])
        }
        clock.advance(.seconds(30))
        #expect(accepted(try await keys.current()) == ["b"])
    }

    @Test("a key that comes back is valid again, and stays so")
    func rolledBack() async throws {
        let parameter = Parameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        for secret in ["b", "a"] {
            parameter.set(secret)
            clock.advance(.seconds(241))
            #expect(accepted(try await keys.current()) == ["a", "b"])
        }
        clock.advance(.seconds(301))
        #expect(accepted(try await keys.current()) == ["a"])
    }

    @Test("between its readings the parameter is left alone")
    func cached() async throws {
        let parameter = Parameter("a")
        let keys = keys(parameter)
        for _ in 0..<8 {
            _ = try await keys.current()
            clock.advance(.seconds(30))
        }
        #expect(parameter.readings == 1)
    }

    @Test("an unknown signature reads the key early, at most every 30 s")
    func unknownSignature() async throws {
        let parameter = Parameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        parameter.set("b")
        clock.advance(.seconds(20))
        #expect(accepted(await keys.afterUnknownSignature()) == ["a"])
        clock.advance(.seconds(11))
        #expect(accepted(await keys.afterUnknownSignature()) == ["a", "b"])
        for _ in 0..<100 { _ = await keys.afterUnknownSignature() }
        #expect(parameter.readings == 2)
    }

    @Test("a failed reading leaves the keys as they were and is repeated after 30 s")
    func failedReading() async throws {
        let parameter = Parameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        parameter.set(nil)
        clock.advance(.seconds(241))
        for _ in 0..<5 { #expect(accepted(try await keys.current()) == ["a"]) }
        #expect(parameter.readings == 2)
        parameter.set("b")
        clock.advance(.seconds(31))
        #expect(accepted(try await keys.current()) == ["a", "b"])
    }

    @Test("without any key the failure is thrown, and the next call reads again")
    func firstReadingFails() async throws {
        let parameter = Parameter(nil)
        let keys = keys(parameter)
        await #expect(throws: Failure.self) { try await keys.current() }
        parameter.set("a")
        #expect(accepted(try await keys.current()) == ["a"])
    }

    @Test("concurrent callers share one reading")
    func shared() async throws {
        let parameter = Parameter("a")
        let gate = FakeService()
        gate.close()
        let keys = RunTaskKeys(read: {
            _ = try await gate.setDesiredCount(0)
            return try parameter.read()
        })
        try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<50 { group.addTask { accepted(try await keys.current()) } }
            await gate.arrival()
            gate.open()
            for try await secrets in group { #expect(secrets == ["a"]) }
        }
        #expect(parameter.readings == 1)
    }

    @Test("the endpoint accepts a fresh key at once")
    func endpoint() async throws {
        let parameter = Parameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        parameter.set("the key")
        clock.advance(.seconds(31))
        let world = try World(change: { $0.keys = keys })
        #expect(await world.call("pre_plan").status == 200)
    }
}
