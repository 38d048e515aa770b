import Curl
import Peers
import Testing

@Suite("How requests end early")
struct EndingTests {
    @Test("the deadline ends a request that is not answered, which may have taken effect")
    func deadline() async throws {
        let url = try await HTTPPeer.url("/hold/deadline")
        let client = try CurlClient()
        defer { client.stop() }
        let clock = ContinuousClock()
        let start = clock.now
        let request = HTTPRequest(.get, url, deadline: .milliseconds(200))
        let timeout = HTTPFailure(.timedOut, mayHaveTakenEffect: true)
        #expect(await failing(request, client) == timeout)
        let taken = clock.now - start
        #expect(taken >= .milliseconds(199))
        #expect(taken < .seconds(5))
    }

    @Test("a deadline that has passed sends nothing")
    func pastDeadline() async throws {
        let url = try await HTTPPeer.url("/count/past")
        let client = try CurlClient()
        defer { client.stop() }
        let request = HTTPRequest(.post, url, deadline: .zero)
        let timeout = HTTPFailure(.timedOut, mayHaveTakenEffect: false)
        #expect(await failing(request, client) == timeout)
        #expect(try await HTTPPeer.count("past", client) == 0)
    }

    @Test("a request of a task that is cancelled already is not sent")
    func cancelledBefore() async throws {
        let url = try await HTTPPeer.url("/count/cancelled-before")
        let client = try CurlClient()
        defer { client.stop() }
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await failing(HTTPRequest(.post, url), client)
        }
        #expect(await task.value == HTTPFailure(.cancelled, mayHaveTakenEffect: false))
        #expect(try await HTTPPeer.count("cancelled-before", client) == 0)
    }

    @Test("cancelling a request under way takes effect within 50 ms, and the server sees it")
    func cancelledInFlight() async throws {
        let client = try CurlClient()
        defer { client.stop() }
        let clock = ContinuousClock()
        var latencies: [Duration] = []
        for round in 0..<20 {
            let name = "cancelled-\(round)"
            let url = try await HTTPPeer.url("/hold/\(name)")
            let task = Task {
                await failing(HTTPRequest(.post, url, body: [1], deadline: nil), client)
            }
            let held = HTTPRequest(.get, try await HTTPPeer.url("/held/\(name)"))
            #expect(try await client.send(held).status == 200)
            let start = clock.now
            task.cancel()
            let failure = await task.value
            latencies.append(clock.now - start)
            #expect(failure == HTTPFailure(.cancelled, mayHaveTakenEffect: true))
            let letGo = HTTPRequest(.get, try await HTTPPeer.url("/let-go/\(name)"))
            #expect(try await client.send(letGo).status == 200)
        }
        latencies.sort()
        print("cancellation: median \(latencies[10]), longest \(latencies[19])")
        // The median: one slice taken by another process must not fail the promise.
        #expect(latencies[10] < .milliseconds(50))
    }

    @Test("cancelling after the answer changes nothing, for this request or later ones")
    func cancelledAfter() async throws {
        let url = try await HTTPPeer.url("/echo")
        let client = try CurlClient()
        defer { client.stop() }
        for _ in 0..<20 {
            let task = Task { try await client.send(HTTPRequest(.get, url)).status }
            #expect(try await task.value == 200)
            task.cancel()
        }
        #expect(try await client.send(HTTPRequest(.get, url)).status == 200)
    }

    @Test("cancelling at any moment gives one answer or one failure, seed by seed")
    func cancelledAnyTime() async throws {
        let url = try await HTTPPeer.url("/echo")
        let seed = UInt64.random(in: 0 ... .max)
        print("cancellation races: seed \(seed)")
        let client = try CurlClient()
        defer { client.stop() }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                let delay = (seed &+ UInt64(number)) &* 0x9E37_79B9_7F4A_7C15 % 3_000
                let task = Task { await failing(HTTPRequest(.get, url), client) }
                group.addTask {
                    try? await Task.sleep(for: .microseconds(Int(delay)))
                    task.cancel()
                    let failure = await task.value
                    #expect(failure == nil || failure?.kind == .cancelled)
                }
            }
        }
        #expect(try await client.send(HTTPRequest(.get, url)).status == 200)
    }

    @Test("stop fails what is under way and everything after it, and returns")
    func stop() async throws {
        let client = try CurlClient()
        let url = try await HTTPPeer.url("/hold/stop")
        let task = Task { await failing(HTTPRequest(.get, url, deadline: nil), client) }
        let held = HTTPRequest(.get, try await HTTPPeer.url("/held/stop"))
        #expect(try await client.send(held).status == 200)
        client.stop()
        #expect(await task.value == HTTPFailure(.stopped, mayHaveTakenEffect: true))
        client.stop()
        let later = await failing(held, client)
        #expect(later == HTTPFailure(.stopped, mayHaveTakenEffect: false))
    }

    @Test("stopping while requests are being handed over leaves none without an answer")
    func stopRaces() async throws {
        let url = try await HTTPPeer.url("/echo")
        for _ in 0..<20 {
            let client = try CurlClient()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        let failure = await failing(HTTPRequest(.get, url), client)
                        #expect(failure == nil || failure?.kind == .stopped)
                    }
                }
                group.addTask { client.stop() }
            }
        }
    }

    @Test("a client that is let go ends by itself")
    func letGo() async throws {
        let url = try await HTTPPeer.url("/echo")
        for _ in 0..<5 {
            #expect(try await CurlClient().send(HTTPRequest(.get, url)).status == 200)
        }
    }
}
