import Seeded
import Testing

@testable import Rehearsal

@Suite("Deployments")
struct DeploymentTests {
    private func tasks(
        old: [Bool] = [],
        new: [Bool] = [],
        newRun: Bool = true
    ) -> [ServiceScheduler.Candidate] {
        old.enumerated().map { index, isProtected in
            .init(id: "old-\(index)", counts: true, isProtected: isProtected, isCurrent: false)
        }
            + new.enumerated().map { index, isProtected in
                .init(
                    id: "new-\(index)",
                    counts: true,
                    isProtected: isProtected,
                    isRunning: newRun
                )
            }
    }

    private func decide(_ desired: Int, _ tasks: [ServiceScheduler.Candidate])
        -> [ServiceScheduler.Decision]
    {
        var random = SeededRandom(seed: 1)
        return ServiceScheduler().decide(
            desiredCount: desired,
            tasks: tasks,
            at: 0,
            random: &random
        )
    }

    @Test("new tasks start beside protected old ones, up to twice the wanted count")
    func starts() {
        #expect(decide(2, tasks(old: [true, true])) == [.start, .start])
        #expect(decide(2, tasks(old: [true, true, true])) == [.start])
        #expect(decide(2, tasks(old: [true, true], new: [false, false], newRun: false)) == [])
    }

    @Test("an old task goes once enough run without it, and only without protection")
    func stops() {
        let running = [false, false]
        #expect(decide(2, tasks(old: [true, true], new: running)) == [])
        #expect(decide(2, tasks(old: [false, true], new: running)) == [.stop("old-0")])
        #expect(decide(2, tasks(old: running, new: [false], newRun: false)) == [.start])
        #expect(
            Set(decide(2, tasks(old: running, new: running)).map { "\($0)" }).count == 2
        )
    }

    @Test("with nothing wanted all unprotected tasks go, old and new")
    func empty() {
        let stops = decide(0, tasks(old: [false, true], new: [false]))
        #expect(stops == [.stop("old-0"), .stop("new-0")])
    }

    @Test(
        "a protected task is never stopped by a deployment, whatever the seed",
        arguments: 0..<200
    )
    func protectedStay(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        func some() -> [Bool] {
            (0..<Int.random(in: 0...5, using: &random)).map { _ in Bool.random(using: &random) }
        }
        let all = tasks(old: some(), new: some(), newRun: Bool.random(using: &random))
        let wanted = Int.random(in: 0...6, using: &random)
        let decisions = ServiceScheduler()
            .decide(desiredCount: wanted, tasks: all, at: 0, random: &random)
        let isProtected = Set(all.filter(\.isProtected).map(\.id))
        for decision in decisions {
            if case .stop(let id) = decision { #expect(!isProtected.contains(id)) }
        }
        let starts = decisions.count { $0 == .start }
        #expect(starts == 0 || all.count + starts <= max(wanted * 2, wanted))
    }

    @Test("a scheduler that ignores protection takes protected tasks first")
    func broken() {
        var random = SeededRandom(seed: 1)
        let decisions = ServiceScheduler(ignoresProtection: true).decide(
            desiredCount: 1,
            tasks: tasks(new: [false, true]),
            at: 0,
            random: &random
        )
        #expect(decisions == [.stop("new-1")])
    }

    @Test("an older deployment stays ACTIVE while it has tasks, then the primary is complete")
    func life() {
        var deployments = Deployments()
        deployments.deploy(at: 5)
        #expect(deployments.primary.revision == 2)
        let old = Deployments.Member(revision: 1, isRunning: true, isPending: false)
        let new = Deployments.Member(revision: 2, isRunning: true, isPending: false)
        deployments.update([old, new], desiredCount: 1)
        let json = deployments.json(
            [old, new],
            desiredCount: 1,
            names: ServiceNames(),
            dateText: { "at \($0)" }
        ).array
        #expect(json?.map { $0["status"] } == ["PRIMARY", "ACTIVE"])
        #expect(json?.map { $0["rolloutState"] } == ["IN_PROGRESS", "IN_PROGRESS"])
        #expect(json?.map { $0["runningCount"] } == [1, 1])
        #expect(json?.first?["taskDefinition"]?.string?.hasSuffix("tfc-agent:2") == true)
        deployments.update([new], desiredCount: 1)
        #expect(deployments.all.count == 1)
        #expect(deployments.primary.isComplete)
    }
}
