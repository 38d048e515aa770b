import ScaleUp
import Testing

@Suite("Time limits")
struct TimeLimitTests {
    @Test("what ends in time is what comes")
    func inTime() async {
        #expect(await withTimeLimit(.seconds(60)) { 7 } == 7)
        #expect(await withTimeLimit(.zero) { 7 } == nil)
    }

    /// Something sleeps for the first by then, so the second, which is over before, needs its own.
    @Test("what hangs is left at its time, also one that begins later and may take less")
    func hanging() async {
        let (hung, hang) = AsyncStream.makeStream(of: CheckedContinuation<Int, Never>.self)
        let (ended, end) = AsyncStream.makeStream(of: String.self)
        await withTaskGroup(of: Void.self) { group in
            for (name, limit) in [("long", 600), ("short", 20), ("longest", 1_200)] {
                group.addTask {
                    let answer: Int? = await withTimeLimit(.milliseconds(limit)) {
                        // Heeds no cancellation.
                        await withCheckedContinuation { hang.yield($0) }
                    }
                    #expect(answer == nil)
                    end.yield(name)
                }
            }
        }
        hang.finish()
        end.finish()
        var order: [String] = []
        for await name in ended { order.append(name) }
        #expect(order == ["short", "long", "longest"])
        for await one in hung { one.resume(returning: 0) }
    }

    @Test("one that is left is cancelled")
    func cancelled() async {
        let (ends, end) = AsyncStream.makeStream(of: Bool.self)
        let answer: Void? = await withTimeLimit(.milliseconds(10)) {
            try? await Task.sleep(for: .seconds(600))
            end.yield(Task.isCancelled)
        }
        #expect(answer == nil)
        for await isCancelled in ends {
            #expect(isCancelled)
            break
        }
    }
}
