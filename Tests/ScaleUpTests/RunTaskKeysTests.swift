import AWS
import HCPTerraform
import Logging
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
        waitsAlways: Bool = true,
        complain: @escaping @Sendable (RunTaskKeys.Complaint) -> Void = { _ in }
    ) -> RunTaskKeys {
        RunTaskKeys(
            of: "the SSM parameter /p/key",
            read: { try parameter.read() },
            waitsAlways: waitsAlways,
            pacing: time.pacing,
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

    private func keys(_ parameter: FakeParameter, waitsAlways: Bool = true) -> RunTaskKeys {
        RunTaskKeys(
            of: "a parameter",
            read: { try parameter.read() },
            waitsAlways: waitsAlways,
            pacing: time.pacing
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
            while await keys.waitingForNext < most { await Task.yield() }
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
        let start = time.pacing.now()
        for _ in 0..<100 { _ = await keys.afterUnknownSignature() }
        parameter.set("b")
        #expect(accepted(await keys.afterUnknownSignature()) == ["a", "b"])
        let took = start.duration(to: time.pacing.now())
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
            pacing: time.pacing
        )
        gate.close()
        async let first = keys.current()
        await gate.arrival()
        parameter.set("b")
        async let second = keys.afterUnknownSignature()
        while await keys.waitingForNext == 0 { await Task.yield() }
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
        let start = time.pacing.now()
        for _ in 0..<10 { #expect(accepted(await keys.afterUnknownSignature()) == ["a"]) }
        #expect(parameter.readings == 11)
        #expect(start.duration(to: time.pacing.now()) >= .seconds(20))
    }

    @Test("a function waits for strangers a fifth of its time at the most, and refuses the rest")
    func functionTime() async throws {
        let parameter = FakeParameter("a")
        let keys = keys(parameter, waitsAlways: false)
        _ = try await keys.current()
        let start = time.pacing.now()
        for _ in 0..<10_000 {
            _ = await keys.afterUnknownSignature()
            time.advance(.milliseconds(10))
        }
        let took = start.duration(to: time.pacing.now())
        let slept = time.slept.reduce(.zero, +)
        #expect(slept <= took / 5 + WaitingTime.most)
        #expect(slept > .seconds(10))
        #expect(parameter.readings <= Int(took / .seconds(2)) + 2)
        // After a quiet minute the next one is worth a reading again.
        time.advance(.seconds(60))
        parameter.set("b")
        #expect(accepted(await keys.afterUnknownSignature()) == ["a", "b"])
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
            pacing: time.pacing,
            complain: { log.logger.error("\($0)") }
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
