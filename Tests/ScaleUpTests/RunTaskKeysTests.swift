import Daemon
import HCPTerraform
import Ports
import Telemetry
import Testing

@testable import ScaleUp

private let body = Array("body".utf8)

/// Which of some secrets the keys accept.
private func accepted(_ keys: [RunTaskKey], _ secrets: [String] = ["a", "b", "c"]) -> [String] {
    secrets.filter { secret in
        guard let signature = RunTaskSignature(RunTaskKey(secret).sign(body)) else { return false }
        return keys.contains { $0.signed(body, signature) }
    }
}

@Suite("Run task keys")
struct RunTaskKeysTests {
    private let time = FakeTime()

    private func keys(
        _ parameter: FakeParameter,
        isOneOfMany: Bool = false,
        complain: @escaping @Sendable (RunTaskKeys.Complaint) -> Void = { _ in }
    ) -> RunTaskKeys {
        RunTaskKeys(
            of: "the SSM parameter /p/key",
            read: { try parameter.read() },
            isOneOfMany: isOneOfMany,
            retry: time.retry,
            complain: complain
        )
    }

    @Test("a new key is accepted within five minutes, and the old one for five minutes more")
    func rotation() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter)
        #expect(accepted(try await keys.current()) == ["a"])
        parameter.set("b")
        time.advance(.seconds(200))
        #expect(accepted(try await keys.current()) == ["a"])
        time.advance(.seconds(99))
        #expect(accepted(try await keys.current()) == ["a", "b"])
        for _ in 0..<10 {
            time.advance(.seconds(30))
            #expect(accepted(try await keys.current()) == ["a", "b"])
        }
        time.advance(.seconds(30))
        #expect(accepted(try await keys.current()) == ["b"])
    }

    @Test("a key that comes back is valid again, and stays so")
    func rolledBack() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        for secret in ["b", "a"] {
            parameter.set(secret)
            time.advance(.seconds(241))
            #expect(accepted(try await keys.current()) == ["a", "b"])
        }
        time.advance(.seconds(301))
        #expect(accepted(try await keys.current()) == ["a"])
    }

    @Test("between its readings the parameter is left alone")
    func cached() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter)
        for _ in 0..<8 {
            _ = try await keys.current()
            time.advance(.seconds(30))
        }
        #expect(parameter.readings == 1)
    }

    @Test("a failed refresh leaves the keys as they were and is repeated after 30 s")
    func failedRefresh() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        parameter.set(nil)
        time.advance(.seconds(241))
        for _ in 0..<5 { #expect(accepted(try await keys.current()) == ["a"]) }
        #expect(parameter.readings == 2)
        parameter.set("b")
        time.advance(.seconds(31))
        #expect(accepted(try await keys.current()) == ["a", "b"])
    }

    @Test("while there is no key it is read every two seconds at the most, whoever asks")
    func noKey() async throws {
        let parameter = FakeParameter(nil)
        let keys = keys(parameter)
        for _ in 0..<100 {
            await #expect(throws: FakeParameter.Unreadable.self) { try await keys.current() }
        }
        #expect(parameter.readings == 1)
        parameter.set("a")
        time.advance(.milliseconds(2_001))
        #expect(accepted(try await keys.current()) == ["a"])
        #expect(parameter.readings == 2)
    }

    @Test(
        "while a reading hangs 400 requests wait for the first key, half where two are read",
        arguments: [RunTaskKeys.mostWaiting, RunTaskKeys.mostWaiting / 2]
    )
    func hanging(_ most: Int) async throws {
        let gate = FakeService()
        gate.close()
        let keys = RunTaskKeys(
            of: "a parameter",
            read: {
                _ = try await gate.setDesiredCount(0)
                return "a"
            },
            mostWaiting: most
        )
        try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<most {
                group.addTask { accepted(try await keys.current()) }
            }
            while await keys.waiting < most { await Task.yield() }
            // One more must not come to wait; the reading ends when it does.
            let end = Task {
                while await keys.waiting <= most, !Task.isCancelled {
                    await Task.yield()
                }
                gate.open()
            }
            await #expect(throws: RunTaskKeys.Crowded()) { try await keys.current() }
            end.cancel()
            for try await secrets in group { #expect(secrets == ["a"]) }
        }
        #expect(await keys.waiting == 0)
    }

    @Test("a function without a key reads it ever less often, up to once a minute")
    func noKeyOfMany() async throws {
        let parameter = FakeParameter(nil)
        let keys = keys(parameter, isOneOfMany: true)
        for _ in 0..<6_000 {
            await #expect(throws: FakeParameter.Unreadable.self) { try await keys.current() }
            time.advance(.milliseconds(100))
        }
        // At 0, 4, 12, 28 and 60 s, and then once a minute.
        #expect(parameter.readings <= 15)
        parameter.set("a")
        time.advance(.seconds(61))
        #expect(accepted(try await keys.current()) == ["a"])
    }

    @Test("concurrent callers share one reading")
    func shared() async throws {
        let parameter = FakeParameter("a")
        let gate = FakeService()
        gate.close()
        let keys = RunTaskKeys(
            of: "a parameter",
            read: {
                _ = try await gate.setDesiredCount(0)
                return try parameter.read()
            }
        )
        try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<50 { group.addTask { accepted(try await keys.current()) } }
            await gate.arrival()
            gate.open()
            for try await secrets in group { #expect(secrets == ["a"]) }
        }
        #expect(parameter.readings == 1)
    }

    @Test("the endpoint accepts a key that reached the parameter a moment ago")
    func endpoint() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        parameter.set("the key")
        let world = try World(change: { $0.keys = keys })
        #expect(await world.call("pre_plan").status == 200)
    }
}

@Suite("Run task keys, unknown signatures")
struct UnknownSignatureTests {
    private let time = FakeTime()

    private func keys(_ parameter: FakeParameter, isOneOfMany: Bool = false) -> RunTaskKeys {
        RunTaskKeys(
            of: "a parameter",
            read: { try parameter.read() },
            isOneOfMany: isOneOfMany,
            retry: time.retry
        )
    }

    @Test("the key is read again at once, or two seconds after the last reading")
    func again() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        parameter.set("b")
        #expect(accepted(await keys.afterUnknownSignature()) == ["a", "b"])
        #expect(time.slept == [.seconds(2)])
        time.advance(.seconds(5))
        parameter.set("c")
        #expect(accepted(await keys.afterUnknownSignature()) == ["a", "b", "c"])
        #expect(time.slept.count == 1)
    }

    @Test("hundreds at once share one reading, and none of them is turned away without")
    func noise() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        parameter.set("b")
        let most = RunTaskKeys.mostWaiting
        // The pause ends when all of them are there.
        let (arrived, arrive) = AsyncStream<Void>.makeStream()
        time.duringSleep { for await _ in arrived { break } }
        let found = await withTaskGroup(of: [String].self) { group in
            for _ in 0..<most { group.addTask { accepted(await keys.afterUnknownSignature()) } }
            while await keys.waiting < most { await Task.yield() }
            // One more than may wait.
            #expect(accepted(await keys.afterUnknownSignature()) == ["a"])
            arrive.yield()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(found.count == most && found.allSatisfy { $0 == ["a", "b"] })
        #expect(parameter.readings == 2)
    }

    @Test("under noise without end a new key is accepted within seconds, at a reading every two")
    func endlessNoise() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        let start = time.retry.now()
        for _ in 0..<100 { _ = await keys.afterUnknownSignature() }
        parameter.set("b")
        #expect(accepted(await keys.afterUnknownSignature()) == ["a", "b"])
        let took = start.duration(to: time.retry.now())
        #expect(took >= .seconds(2) * (parameter.readings - 1))
        #expect(parameter.readings == 102)
    }

    @Test("a reading that was under way when the call came is not enough for it")
    func earlierReading() async throws {
        let parameter = FakeParameter("a")
        let gate = FakeService()
        let keys = RunTaskKeys(
            of: "a parameter",
            read: {
                let key = try parameter.read()
                _ = try await gate.setDesiredCount(0)
                return key
            },
            retry: time.retry
        )
        gate.close()
        async let first = keys.current()
        await gate.arrival()
        parameter.set("b")
        async let second = keys.afterUnknownSignature()
        while await keys.waiting < 2 { await Task.yield() }
        gate.open()
        #expect(accepted(try await first) == ["a"])
        #expect(accepted(await second) == ["a", "b"])
    }

    @Test("readings that fail keep to the same pace")
    func failing() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter)
        _ = try await keys.current()
        parameter.set(nil)
        let start = time.retry.now()
        for _ in 0..<10 { #expect(accepted(await keys.afterUnknownSignature()) == ["a"]) }
        #expect(parameter.readings == 11)
        #expect(start.duration(to: time.retry.now()) >= .seconds(20))
    }

    @Test("hundreds of instances amid noise read the key a few times a second, and hardly wait")
    func manyInstances() async throws {
        let instances = 200
        let parameter = FakeParameter("a")
        var keys: [RunTaskKeys] = []
        for _ in 0..<instances {
            let one = self.keys(parameter, isOneOfMany: true)
            _ = try await one.current()
            keys.append(one)
        }
        // One after the other: 100 requests a second.
        func noise(_ seconds: Int) async {
            for number in 0..<100 * seconds {
                _ = await keys[number % instances].afterUnknownSignature()
                time.advance(.milliseconds(10))
            }
        }
        await noise(120)
        let start = time.retry.now()
        let before = (readings: parameter.readings, slept: time.slept.count)
        await noise(600)
        let took = start.duration(to: time.retry.now())
        #expect(Double(parameter.readings - before.readings) <= took / .seconds(1) * 4)
        #expect(time.slept.allSatisfy { $0 <= .milliseconds(1_500) })
    }

    @Test("a function whose key has become old and unreadable reads it once a minute amid noise")
    func failingAmidNoise() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter, isOneOfMany: true)
        _ = try await keys.current()
        parameter.set(nil)
        let start = time.retry.now()
        for _ in 0..<6_000 {
            _ = try await keys.current()
            #expect(accepted(await keys.afterUnknownSignature()) == ["a"])
            time.advance(.milliseconds(100))
        }
        let minutes = start.duration(to: time.retry.now()) / .seconds(60)
        #expect(Double(parameter.readings) <= minutes + 7)
    }

    @Test("a function reads at once again when a new key has come, also after noise")
    func newKeyAmidNoise() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter, isOneOfMany: true)
        _ = try await keys.current()
        for _ in 0..<1_000 {
            _ = await keys.afterUnknownSignature()
            time.advance(.milliseconds(300))
        }
        let before = parameter.readings
        #expect(before <= 11)
        parameter.set("b")
        time.advance(.seconds(60))
        #expect(accepted(await keys.afterUnknownSignature()) == ["a", "b"])
        parameter.set("c")
        time.advance(.seconds(1))
        #expect(accepted(await keys.afterUnknownSignature()) == ["a", "b", "c"])
        #expect(parameter.readings == before + 2)
        #expect(time.slept.last == .seconds(1))
    }

    @Test("a function waits two seconds for a reading that hangs, and then goes by what it knows")
    func hangs() async throws {
        let parameter = FakeParameter("a")
        let gate = FakeService()
        let keys = RunTaskKeys(
            of: "a parameter",
            read: {
                _ = try await gate.setDesiredCount(0)
                return try parameter.read()
            },
            isOneOfMany: true,
            retry: time.retry
        )
        _ = try await keys.current()
        time.advance(.seconds(3))
        gate.close()
        let world = try World(change: { $0.keys = keys })
        #expect(await world.call("pre_plan").status == 401)
        gate.open()
    }

    @Test("the pause grows from two seconds to a minute, more or less, and a new key resets it")
    func pause() {
        var pause = ReadingPause(grows: true)
        var times = [pause.time]
        for random in [0.5, 0.5, 0, 0.5, 0.5, 0.5, 0.999] {
            pause.grow(random)
            times.append(pause.time)
        }
        #expect(times.dropLast() == [2, 4, 8, 12, 32, 60, 60].map { .seconds($0) })
        #expect(times[7] > .seconds(74) && times[7] < .seconds(75))
        pause.reset()
        #expect(pause.time == .seconds(2))
    }

    @Test("a key that is given is compared and nothing else")
    func given() async throws {
        let keys = RunTaskKeys("a")
        #expect(accepted(try await keys.current()) == ["a"])
        #expect(accepted(await keys.afterUnknownSignature()) == ["a"])
    }
}

@Suite("Run task keys, white space")
struct WhiteSpaceTests {
    @Test(
        "a key with white space around it is accepted with it and without, and complained of once",
        arguments: ["a\n", " a", "\r\n\ta \u{0}"]
    )
    func around(_ secret: String) async throws {
        let parameter = FakeParameter(secret)
        let time = FakeTime()
        let log = FakeLog()
        let keys = RunTaskKeys(
            of: "the SSM parameter /p/key",
            read: { try parameter.read() },
            retry: time.retry,
            complain: { log.log(.keyHasWhiteSpace, "\($0)") }
        )
        for _ in 0..<3 {
            #expect(accepted(try await keys.current(), ["a", secret, "b"]) == ["a", secret])
            time.advance(.seconds(241))
        }
        #expect(log.lines.count == 1)
        #expect(log.lines[0].hasPrefix("error the SSM parameter /p/key holds white space around"))
    }

    @Test("white space within a key is a part of it")
    func within() async throws {
        let keys = RunTaskKeys(of: "a parameter", read: { "a b" })
        #expect(accepted(try await keys.current(), ["a b", "ab", "a"]) == ["a b"])
    }

    @Test("white space alone is no key: everybody could sign with nothing", arguments: ["", " \n"])
    func empty(_ secret: String) async throws {
        let keys = RunTaskKeys(of: "the SSM parameter /p/key", read: { secret })
        let error = await #expect(throws: RunTaskKeys.EmptyKey.self) { try await keys.current() }
        #expect(error.map { "\($0)".hasPrefix("the SSM parameter /p/key is empty") } == true)
    }
}
