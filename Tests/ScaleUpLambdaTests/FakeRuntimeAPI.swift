import Curl
import Synchronization

/// A Runtime API with a fixed list of work. When that is used up, `next` waits for ever.
final class FakeRuntimeAPI: HTTPClient {
    struct Post: Sendable {
        let path: String
        let headers: HTTPHeaders
        let body: String
    }

    private struct State {
        var work: [Result<HTTPResponse, HTTPFailure>]
        var posts: [Post] = []
        var statuses: [Int]
        var waitsForPosts: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - work: what `next` answers, in turn.
    ///   - statuses: what posts are answered with, in turn; 202 afterwards.
    init(_ work: [Result<HTTPResponse, HTTPFailure>], statuses: [Int] = []) {
        state = Mutex(State(work: work, statuses: statuses))
    }

    static func work(
        _ event: String,
        id: String = "request-1",
        _ headers: [(name: String, value: String)] = []
    ) -> Result<HTTPResponse, HTTPFailure> {
        let all = [("lambda-runtime-aws-request-id", id)] + headers
        return .success(
            HTTPResponse(status: 200, headers: HTTPHeaders(all), body: Array(event.utf8))
        )
    }

    var posts: [Post] { state.withLock(\.posts) }

    /// Returns when so many answers have been posted.
    func posted(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.posts.count < count {
                    state.waitsForPosts.append((count, continuation))
                }
                return state.posts.count >= count
            }
            if isThere { continuation.resume() }
        }
    }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        if request.method == .get { return try await next(request) }
        let (status, waiting) = state.withLock { state in
            let path = request.url.split(separator: "/runtime", maxSplits: 1).last ?? ""
            let body = String(decoding: request.body ?? [], as: UTF8.self)
            let headers = HTTPHeaders(request.headers)
            state.posts.append(Post(path: String(path), headers: headers, body: body))
            let waiting = state.waitsForPosts.filter { $0.count <= state.posts.count }
            state.waitsForPosts.removeAll { $0.count <= state.posts.count }
            return (state.statuses.isEmpty ? 202 : state.statuses.removeFirst(), waiting)
        }
        for wait in waiting { wait.continuation.resume() }
        return HTTPResponse(status: status)
    }

    private func next(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        precondition(request.deadline == nil, "a frozen process must not time out")
        let work = state.withLock { $0.work.isEmpty ? nil : $0.work.removeFirst() }
        if let work { return try work.get() }
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
        throw HTTPFailure(.cancelled, mayHaveTakenEffect: true)
    }
}
