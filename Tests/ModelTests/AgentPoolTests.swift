import Model
import Testing

@Suite("An agent pool")
struct AgentPoolTests {
    private static let patience = AgentPool.Patience(unknown: 40, errored: 60)
    private let empty = AgentPool(patience)

    private func job(_ run: Int, _ kind: PoolJob.Kind = .plan) -> PoolJob {
        PoolJob(run: "run-\(run)", kind: kind, length: 1, wantedAt: 0)
    }

    @Test("the longest waiting job goes to the agent that asks first")
    func dispatch() {
        var pool = empty
        let (first, second) = (pool.register(at: 0), pool.register(at: 0))
        #expect(pool.ask(first, at: 1) == .nothing)
        pool.enqueue(job(1))
        pool.enqueue(job(2))
        #expect(pool.ask(second, at: 2) == .job(job(1)))
        #expect(pool.agents[second]?.status == .busy)
        #expect(pool.queue == [job(2)])
        #expect(pool.finish(first, at: 3) == nil)
        #expect(pool.finish(second, at: 3) == job(1))
        #expect(pool.agents[second]?.status == .idle)
    }

    @Test("an agent that has left, or holds a job, gets none")
    func gone() {
        var pool = empty
        let (first, second) = (pool.register(at: 0), pool.register(at: 0))
        pool.enqueue(job(1))
        pool.enqueue(job(2))
        _ = pool.ask(first, at: 1)
        #expect(pool.ask(first, at: 2) == .gone)
        #expect(pool.deregister(second, at: 3) == [.status(second, .exited)])
        #expect(pool.ask(second, at: 4) == .gone)
        #expect(pool.agents[second]?.endedAt == 3)
        #expect(pool.queue == [job(2)])
    }

    @Test("a job of an agent that leaves in its midst is lost, and comes to no other")
    func leavesWithJob() {
        var pool = empty
        let (first, second) = (pool.register(at: 0), pool.register(at: 0))
        pool.enqueue(job(1))
        _ = pool.ask(first, at: 1)
        #expect(pool.deregister(first, at: 2) == [.lost(first, job(1)), .status(first, .exited)])
        #expect(pool.ask(second, at: 3) == .nothing)
    }

    @Test(
        "a silent agent becomes unknown, then errored, and loses its job; a report in between saves it"
    )
    func silence() {
        var pool = empty
        let (first, second) = (pool.register(at: 0), pool.register(at: 0))
        pool.enqueue(job(1))
        _ = pool.ask(first, at: 0)
        #expect(pool.look(at: first, 39) == [])
        #expect(pool.look(at: first, 40) == [.status(first, .unknown)])
        #expect(pool.look(at: first, 41) == [])
        #expect(pool.report(second, at: 45)?.status == .idle)
        #expect(pool.look(at: second, 84) == [])
        #expect(pool.look(at: first, 100) == [.lost(first, job(1)), .status(first, .errored)])
        #expect(pool.report(first, at: 101) == nil)
        #expect(pool.look(at: first, 500) == [])
    }

    @Test("an agent hears of a canceled run when it reports, and no more with its next job")
    func canceled() {
        var pool = empty
        let agent = pool.register(at: 0)
        pool.enqueue(job(1))
        _ = pool.ask(agent, at: 0)
        pool.interrupt(run: "run-2")
        #expect(pool.report(agent, at: 1)?.isCanceled == false)
        pool.interrupt(run: "run-1")
        #expect(pool.report(agent, at: 2)?.isCanceled == true)
        _ = pool.finish(agent, at: 3)
        #expect(pool.report(agent, at: 4)?.isCanceled == false)
        pool.enqueue(job(2))
        pool.withdraw(run: "run-2")
        #expect(pool.ask(agent, at: 5) == .nothing)
    }

    @Test("as many next requests are told as jobs wait, the earliest ones first")
    func requests() {
        var pool = empty
        let agents = (0..<3).map { pool.register(at: $0) }
        for (index, agent) in agents.enumerated() { pool.wait(agent, at: index * 10) }
        #expect(pool.nextRequest(every: 30, at: 25) == nil)
        pool.enqueue(job(1))
        pool.enqueue(job(2))
        let first = pool.nextRequest(every: 30, at: 25)
        #expect(first?.agent == agents[0] && first?.at == 30)
        let second = pool.nextRequest(every: 30, at: 25)
        #expect(second?.agent == agents[1] && second?.at == 40)
        #expect(pool.nextRequest(every: 30, at: 25) == nil)
        // The first of them leaves: another takes its place.
        #expect(pool.endWait(agents[0]) == true)
        let third = pool.nextRequest(every: 30, at: 25)
        #expect(third?.agent == agents[2] && third?.at == 50)
        #expect(pool.waitingAgents == 2)
    }
}

extension AgentPoolTests {
    @Test("HCP Terraform answers 30 requests at once and 30 a second")
    func rateLimit() {
        var requests = TokenBucket.terraformAPI
        let answers = (0...30).map { _ in requests.take(at: 5_000) }
        #expect(answers == Array(repeating: true, count: 30) + [false])
        #expect(requests.wait(at: 5_000) == 34)
        #expect(requests.take(at: 5_034) == true)
    }
}
