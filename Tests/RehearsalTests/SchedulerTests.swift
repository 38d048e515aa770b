import Testing
import Seeded

@testable import Rehearsal

@Suite("Service scheduler")
struct SchedulerTests {
    private func candidates(_ protected: [Bool], counts: Bool = true)
        -> [ServiceScheduler.Candidate]
    {
        protected.enumerated().map { index, isProtected in
            .init(id: "task-\(index)", counts: counts, isProtected: isProtected)
        }
    }

    @Test("a scale-in never picks a protected task, whatever the seed", arguments: 0..<200)
    func protectedStay(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let protected = (0..<8).map { _ in Bool.random(using: &random) }
        let tasks = candidates(protected)
        let wanted = Int.random(in: 0...8, using: &random)
        let decisions = ServiceScheduler().decide(
            desiredCount: wanted,
            tasks: tasks,
            at: 0,
            random: &random
        )
        let stopped = decisions.compactMap { decision in
            if case .stop(let id) = decision { id } else { nil }
        }
        #expect(tasks.filter { stopped.contains($0.id) }.allSatisfy { !$0.isProtected })
        #expect(stopped.count == min(8 - wanted, protected.count { !$0 }))
    }

    @Test("the seed decides which unprotected task goes")
    func seedDecides() {
        let tasks = candidates(Array(repeating: false, count: 6))
        let picks = (0..<40).map { (seed: UInt64) in
            var random = SeededRandom(seed: seed)
            return ServiceScheduler().decide(
                desiredCount: 5,
                tasks: tasks,
                at: 0,
                random: &random
            )
        }
        var again = SeededRandom(seed: 7)
        #expect(
            picks[7]
                == ServiceScheduler().decide(
                    desiredCount: 5,
                    tasks: tasks,
                    at: 0,
                    random: &again
                )
        )
        #expect(picks.contains { $0 != picks[0] })
    }

    @Test("missing tasks are started, and those that stop do not count")
    func starts() {
        var random = SeededRandom(seed: 1)
        let tasks = candidates([true], counts: true) + candidates([false, false], counts: false)
        let decisions = ServiceScheduler().decide(
            desiredCount: 3,
            tasks: tasks,
            at: 0,
            random: &random
        )
        #expect(decisions == [.start, .start])
    }

    @Test("tasks that never ran delay the next start, tasks that ran do not")
    func backsOff() {
        var random = SeededRandom(seed: 1)
        var scheduler = ServiceScheduler()
        scheduler.taskEnded(everRan: true, at: 0)
        #expect(
            scheduler.decide(desiredCount: 1, tasks: [], at: 0, random: &random) == [.start]
        )
        scheduler.taskEnded(everRan: false, at: 0)
        #expect(scheduler.decide(desiredCount: 1, tasks: [], at: 0, random: &random) == [])
        let later = ServiceScheduler.firstBackOff
        #expect(
            scheduler.decide(desiredCount: 1, tasks: [], at: later, random: &random) == [.start]
        )
    }
}
