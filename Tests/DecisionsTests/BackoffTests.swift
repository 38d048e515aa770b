import Decisions
import Seeded
import Testing

@Suite("Backoff")
struct BackoffTests {
    @Test("the bound doubles with each failed try and ends at the longest")
    func bounds() {
        let bounds = (1...8).map { Backoff.afterFailure.bound(afterTry: $0) }
        let milliseconds = [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]
        #expect(bounds == milliseconds.map { .milliseconds($0) })
        let afterRaces = (1...7).map { Backoff.afterLostRace.bound(afterTry: $0) }
        #expect(afterRaces == [20, 40, 80, 160, 320, 500, 500].map { .milliseconds($0) })
    }

    @Test("no number of tries is too large or too small", arguments: [Int.min, -1, 0, 1, 12, .max])
    func anyNumber(_ number: Int) {
        let backoff = Backoff.afterFailure
        #expect((backoff.first...backoff.longest).contains(backoff.bound(afterTry: number)))
    }

    @Test("the wait is drawn from the whole time up to the bound")
    func jitter() {
        #expect(Backoff.afterFailure.wait(afterTry: 3, chance: 0) == .zero)
        #expect(Backoff.afterFailure.wait(afterTry: 3, chance: 0.5) == .milliseconds(200))
        var random = SeededRandom(seed: 7)
        var quarters: Set<Int> = []
        for _ in 0..<200 {
            let chance = Double.random(in: 0..<1, using: &random)
            let wait = Backoff.afterLostRace.wait(afterTry: 2, chance: chance)
            #expect(wait >= .zero && wait < .milliseconds(40))
            quarters.insert(Int(wait / .milliseconds(10)))
        }
        #expect(quarters == [0, 1, 2, 3])
    }
}
