import Curl

/// HCP Terraform's side of the faults: what happens to its calls of the run task.
struct FaultyClient: HTTPClient {
    let faults: CallFaults
    let client: any HTTPClient

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        guard let effect = faults.next(.runTask) else { return try await client.send(request) }
        switch effect {
        case .dropped, .throttled, .failed, .refused, .conflicted, .redirected, .page, .cutShort:
            throw HTTPFailure(.couldNotConnect, mayHaveTakenEffect: false)
        case .answerLost:
            _ = try await client.send(request)
            throw HTTPFailure(.other(code: 52, cause: "no answer"), mayHaveTakenEffect: true)
        case .neverAnswered:
            _ = try? await client.send(request)
            try? await Task.sleep(for: request.deadline ?? .zero)
            throw HTTPFailure(.timedOut, mayHaveTakenEffect: true)
        case .delayed(let time):
            try? await Task.sleep(for: .milliseconds(time))
            return try await client.send(request)
        case .doubled:
            async let first = try? client.send(request)
            let second = try await client.send(request)
            _ = await first
            return second
        }
    }
}
