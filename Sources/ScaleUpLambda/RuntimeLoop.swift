import Daemon
import Decisions
import ScaleUp
import Telemetry

/// Fetches one invocation after the other and answers it: the function's whole life.
struct RuntimeLoop: Sendable {
    let api: RuntimeAPI
    let respond: @Sendable (EndpointRequest) async -> EndpointResponse
    let sweep: @Sendable () async -> EndpointResponse
    /// Answers a question about the pool, as JSON.
    let ask: @Sendable (Question) async -> String
    /// The wall clock, which Lambda's deadlines are of.
    let now: @Sendable () -> WallTime
    let log: ProgramLog

    /// Kept of an invocation's time for its answer's way back.
    static let reserve: Duration = .milliseconds(300)
    /// Of a person who asks: longer than HCP Terraform waits for an answer.
    static let patience: Duration = .seconds(30)

    /// Ends when the waiting task is cancelled, after the answer to what has been taken.
    ///
    /// - Returns: the process's exit code: 0 after cancellation, 1 when the Runtime API has no
    ///   more work for this process, which Lambda then replaces.
    func run() async -> Int32 {
        while !Task.isCancelled {
            do throws(RuntimeFailure) {
                let invocation = try await api.next()
                // In a task of its own: a stop must not cut off an answer that is owed.
                let result = await Task(executorPreference: Home.executor) {
                    await self.handle(invocation)
                }.value
                try result.get()
            } catch {
                if error.isCancelled { return 0 }
                log(.runtimeFailed, "cannot go on", [.cause: "\(error)"])
                return 1
            }
        }
        return 0
    }

    /// - Returns: a failure only of the kind that ends the process. Any other concerns this
    ///   invocation alone, which Lambda lets time out.
    private func handle(_ invocation: Invocation) async -> Result<Void, RuntimeFailure> {
        do throws(RuntimeFailure) {
            switch await outcome(invocation) {
            case .success(let answer): try await api.answer(invocation, answer)
            case .failure(let failed): try await api.fail(invocation, failed.error)
            }
        } catch {
            if error.isContainerError { return .failure(error) }
            log(
                .answerLost,
                "an answer did not arrive",
                [.cause: "\(error)", .request: "\(invocation.requestID)"]
            )
        }
        return .success(())
    }

    private struct Failed: Error { let error: FunctionError }

    private func outcome(_ invocation: Invocation) async -> Result<String, Failed> {
        let limit = timeLimit(invocation)
        do throws(LambdaEventFault) {
            switch try LambdaEvent(invocation.event) {
            case .request(let request):
                return .success(await answer(request, limit).json)
            case .sweep:
                return await swept(limit).map(\.json)
            case .ask(let question):
                return await answered(question, timeLimit(invocation, most: Self.patience))
            }
        } catch {
            log(.eventUnreadable, "cannot read the event", [.cause: "\(error)"])
            let failure = FunctionError(type: "Event.Unknown", message: "\(error)")
            return .failure(Failed(error: failure))
        }
    }

    private func answer(_ request: EndpointRequest, _ limit: Duration) async -> LambdaAnswer {
        let respond = respond
        if let response = await withTimeLimit(limit, { await respond(request) }) {
            return LambdaAnswer(response)
        }
        sayTimeIsUp(limit, measuring: [.answers: 1])
        return LambdaAnswer(.tryAgain("The time is up; try again."))
    }

    /// A sweep that failed is an invocation that failed: Lambda counts it, which alarms can watch,
    /// and repeats it, which is harmless.
    private func swept(_ limit: Duration) async -> Result<LambdaAnswer, Failed> {
        let swept = await withTimeLimit(limit, sweep)
        if swept == nil { sayTimeIsUp(limit, measuring: [.sweepsFailed: 1]) }
        // The endpoint has said in its log what it did, or could not.
        let response = swept ?? EndpointResponse(503, "The time is up.")
        guard response.status < 500 else {
            let error = FunctionError(type: "Sweep.Failed", message: response.body)
            return .failure(Failed(error: error))
        }
        return .success(LambdaAnswer(response))
    }

    private func answered(
        _ question: Question,
        _ limit: Duration
    ) async -> Result<String, Failed> {
        let ask = ask
        if let answer = await withTimeLimit(limit, { await ask(question) }) {
            return .success(answer)
        }
        let message = "The time is up; ask again."
        return .failure(Failed(error: FunctionError(type: "Question.Late", message: message)))
    }

    private func sayTimeIsUp(_ limit: Duration, measuring measured: Measurements) {
        log(
            .timeIsUp,
            "the time is up",
            [.milliseconds: .count(Int(limit / .milliseconds(1))), .status: "503"],
            measuring: measured
        )
    }

    /// What is left until Lambda ends the process, and never more than that.
    private func timeLimit(
        _ invocation: Invocation,
        most: Duration = Endpoint.budget
    ) -> Duration {
        guard let deadline = invocation.deadline else { return most }
        return min(most, deadline.since(now()) - Self.reserve)
    }
}
