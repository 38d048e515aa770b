import AgentLink
import Testing

@Suite("Whether a sidecar is awake")
struct SolitudeTests {
    /// What is due over some time, looked at whenever something is, with a sidecar that answers
    /// while `answers` says so.
    private func steps(
        limit: Int,
        until end: Int,
        isConnected: Bool = true,
        answers: (Int) -> Bool
    ) -> [(at: Int, step: Solitude.Step)] {
        var solitude = Solitude(limit: limit, at: 0)
        var all: [(at: Int, step: Solitude.Step)] = []
        while true {
            let now = solitude.deadline(isConnected: isConnected)
            guard now <= end else { return all }
            for step in solitude.due(at: now, isConnected: isConnected) {
                all.append((now, step))
                if case .ask(let number) = step, answers(now) {
                    solitude.heard(.pong(number), at: now)
                }
            }
        }
    }

    @Test("one that answers is asked every ten seconds and never taken for gone")
    func awake() {
        let all = steps(limit: 600_000, until: 3_600_000) { _ in true }
        #expect(all.map(\.step) == (1...360).map { .ask($0) })
        #expect(all.map(\.at) == (1...360).map { $0 * 10_000 })
    }

    @Test("one that is frozen is gone when the limit is over, counted from its last word")
    func frozen() {
        let all = steps(limit: 600_000, until: 800_000) { $0 <= 30_000 }
        #expect(all.filter { $0.step == .alone }.map(\.at) == [630_000, 690_000, 750_000])
    }

    @Test("one that was never there is gone when the limit is over, and nobody is asked")
    func absent() {
        let all = steps(limit: 600_000, until: 700_000, isConnected: false) { _ in true }
        #expect(all.map(\.at) == [600_000, 660_000])
    }

    @Test("one that comes to its senses has all of the limit before it again")
    func thawed() {
        var solitude = Solitude(limit: 600_000, at: 0)
        #expect(solitude.due(at: 600_000, isConnected: true) == [.ask(1), .alone])
        solitude.heard(.pong(1), at: 601_000)
        #expect(solitude.due(at: 1_200_999, isConnected: false).isEmpty)
        #expect(solitude.due(at: 1_201_000, isConnected: false) == [.alone])
    }

    @Test("any word of a sidecar is a sign of life, but no answer to what was not asked")
    func signs() {
        var solitude = Solitude(limit: 1000, at: 0)
        solitude.heard(.drain, at: 500)
        solitude.heard(.pong(1), at: 900)
        solitude.heard(.pong(0), at: 900)
        #expect(solitude.due(at: 1499, isConnected: false).isEmpty)
        #expect(solitude.due(at: 1500, isConnected: false) == [.alone])
    }

    @Test("a short limit is asked four times as often, and the shortest one not without end")
    func shortLimits() {
        #expect(Solitude(limit: 1200, at: 0).deadline(isConnected: true) == 300)
        var none = Solitude(limit: 0, at: 0)
        #expect(none.due(at: 0, isConnected: true) == [.alone])
        #expect(none.deadline(isConnected: true) == 100)
    }
}
