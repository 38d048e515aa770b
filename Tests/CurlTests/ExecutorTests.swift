import Curl
import Glibc
import Testing

@Suite("Tasks on the client's thread")
struct ExecutorTests {
    @Test("a request and its answer do not leave the thread that makes it, nor do two at once")
    func oneThread() async throws {
        let url = try await HTTPPeer.url("/echo")
        let client = try CurlClient()
        defer { client.stop() }
        let threads = try await withTaskExecutorPreference(client.executor) {
            var threads = [Self.thread]
            for _ in 0..<3 {
                _ = try await client.send(HTTPRequest(.post, url, body: [65]))
                threads.append(Self.thread)
            }
            async let one = client.send(HTTPRequest(.post, url, body: [66]))
            async let other = client.send(HTTPRequest(.post, url, body: [67]))
            let bodies = try await [HTTPPeer.Echo(one).body, HTTPPeer.Echo(other).body]
            #expect(bodies == ["B", "C"])
            return threads + [Self.thread]
        }
        #expect(Set(threads).count == 1)
        #expect(threads.first != Self.thread)
    }

    @Test("a task that has nothing to wait for lets the others' requests go on")
    func yielding() async throws {
        let url = try await HTTPPeer.url("/echo")
        let client = try CurlClient()
        defer { client.stop() }
        let busy = Task(executorPreference: client.executor) {
            while !Task.isCancelled { await Task.yield() }
        }
        #expect(try await client.send(HTTPRequest(.post, url, body: [65])).status == 200)
        busy.cancel()
        await busy.value
    }

    @Test("once the client is stopped they go on elsewhere, and their requests fail")
    func stopped() async throws {
        let client = try CurlClient()
        let url = try await HTTPPeer.url("/hold/stopped-home")
        let held = try await HTTPPeer.url("/held/stopped-home")
        let task = Task(executorPreference: client.executor) {
            let first = await failing(HTTPRequest(.post, url, body: [1], deadline: nil), client)
            await Task.yield()
            return [first?.kind, await failing(HTTPRequest(.post, url, body: [1]), client)?.kind]
        }
        #expect(try await client.send(HTTPRequest(.get, held)).status == 200)
        client.stop()
        #expect(await task.value == [.stopped, .stopped])
    }

    private static var thread: pthread_t { pthread_self() }
}
