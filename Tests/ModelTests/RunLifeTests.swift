import Model
import Testing

@Suite("A run's life")
struct RunLifeTests {
    private func run(_ outcome: RunOutcome = .applied) -> RunLife {
        RunLife(id: "run-1", outcome: outcome, plan: 1_000, apply: 2_000)
    }

    /// - Returns: each status that the inputs led to.
    private func play(
        _ inputs: [RunLife.Input],
        _ run: inout RunLife
    ) -> [RunStatus] {
        inputs.enumerated().map { at, input in
            _ = run.handle(input, at: at)
            return run.status
        }
    }

    private let toPlanned: [RunLife.Input] = [
        .created, .taskEnded(.prePlan), .received(.plan), .jobEnded(.plan, .finished),
        .taskEnded(.postPlan),
    ]
    private let toApplying: [RunLife.Input] = [
        .decided, .taskEnded(.preApply), .received(.apply),
    ]

    @Test("a run passes the documented states in order")
    func states() {
        var run = run()
        let inputs =
            toPlanned + toApplying + [.jobEnded(.apply, .finished), .taskEnded(.postApply)]
        #expect(
            play(inputs, &run) == [
                .prePlanRunning, .planQueued, .planning, .postPlanRunning, .planned,
                .preApplyRunning, .applyQueued, .applying, .postApplyRunning, .applied,
            ]
        )
        #expect(run.end == .asMeant)
    }

    @Test("a job is queued after its run task, once, and wanted since the task was called")
    func effects() {
        var run = run()
        #expect(run.handle(.created, at: 10) == .callTask(.prePlan))
        let job = PoolJob(run: "run-1", kind: .plan, length: 1_000, wantedAt: 10)
        #expect(run.handle(.taskEnded(.prePlan), at: 20) == .queue(job))
        #expect(run.handle(.taskEnded(.prePlan), at: 30) == nil)
        #expect(run.status.queued == .plan)
    }

    @Test(
        "each outcome has its end, and is what was meant",
        arguments: [
            (RunOutcome.applied, RunStatus.applied), (.planned, .plannedAndFinished),
            (.errored, .errored), (.applyErrored, .errored), (.discarded, .discarded),
            (.canceled, .canceled),
        ]
    )
    func outcomes(outcome: RunOutcome, last: RunStatus) {
        var run = run(outcome)
        let inputs =
            toPlanned + toApplying + [.jobEnded(.apply, .finished), .taskEnded(.postApply)]
        #expect(play(inputs, &run).last == last)
        #expect(run.end == .asMeant)
    }

    @Test("no post_ task is called after a plan or an apply that fails")
    func failures() {
        var plan = run(.errored)
        _ = play([.created, .taskEnded(.prePlan), .received(.plan)], &plan)
        #expect(plan.handle(.jobEnded(.plan, .finished), at: 9) == nil)
        var apply = run(.applyErrored)
        _ = play(toPlanned + toApplying, &apply)
        #expect(apply.handle(.jobEnded(.apply, .finished), at: 9) == nil)
    }

    @Test("a run that is canceled leaves the queue, or has its agent interrupt the job")
    func canceled() {
        var early = run(.canceled)
        #expect(play([.created, .canceled], &early).last == .canceled)
        var queued = run(.canceled)
        _ = play([.created, .taskEnded(.prePlan)], &queued)
        #expect(queued.handle(.canceled, at: 5) == .withdraw)
        #expect(queued.status == .canceled)
        var planning = run(.canceled)
        _ = play([.created, .taskEnded(.prePlan), .received(.plan)], &planning)
        #expect(planning.handle(.canceled, at: 5) == .interrupt)
        #expect(planning.status == .planning)
        #expect(play([.jobEnded(.plan, .canceled)], &planning) == [.canceled])
    }

    @Test("a run whose agent is gone is errored, and one whose job fails unmeant says so")
    func unmeant() {
        var lost = run()
        #expect(
            play([.created, .taskEnded(.prePlan), .received(.plan), .agentLost(.plan)], &lost)
                .last == .errored
        )
        #expect(lost.end == .agentLost)
        var failed = run()
        _ = play(toPlanned + toApplying + [.jobEnded(.apply, .canceled)], &failed)
        #expect(failed.end == .job(.canceled))
    }

    @Test("a run may need an agent for its plan until that has ended, and for its apply after it")
    func needs() {
        var run = run()
        let statuses = (toPlanned + toApplying).map { input in
            _ = run.handle(input, at: 0)
            return run.status
        }
        #expect(statuses.prefix(3).allSatisfy { $0.mayNeedAgent(for: .plan) })
        #expect(!statuses.dropFirst(3).contains { $0.mayNeedAgent(for: .plan) })
        #expect(statuses.allSatisfy { $0.mayNeedAgent(for: .apply) })
    }

    @Test("a run task is called again after growing pauses, and its first final result stands")
    func tasks() {
        var call = TaskCall(.preApply)
        let pace = Pace(first: 500, longest: 3_000)
        let pauses = (1...4).map { _ in call.failed(pace) }
        #expect(pauses == [500, 1_000, 2_000, 3_000])
        let stands = [TaskCall.Result.running, .passed, .unreachable].map { call.told($0) }
        #expect(stands == [true, true, false])
        #expect(call.result == .passed)
    }
}
