import AWS
import Curl
import Daemon
import Decisions
import Synchronization
import Testing

@testable import Sidecar

@Suite("Asking for protection")
struct ProtectorTests {
    /// Answers PUT and GET of the protection endpoint, and counts them.
    private final class Agent: HTTPClient {
        private let put: Result<String, HTTPFailure>
        private let get: String
        private let asked = Mutex<[HTTPRequest.Method]>([])
        var methods: [HTTPRequest.Method] { asked.withLock { $0 } }

        init(put: Result<String, HTTPFailure>, get: String) {
            self.put = put
            self.get = get
        }

        func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
            asked.withLock { $0.append(request.method) }
            let body = request.method == .put ? try put.get() : get
            return HTTPResponse(status: 200, body: Array(body.utf8))
        }
    }

    private static let blocked = #"{"failure":{"Reason":"DEPLOYMENT_BLOCKED"}}"#
    private static let notProtected =
        #"{"protection":{"TaskArn":"arn:aws:ecs:r:1:task/c/t1","ProtectionEnabled":false}}"#
    /// Far ahead, so that what counts is the limit of what was asked for.
    private static let protected =
        #"{"protection":{"TaskArn":"arn:aws:ecs:r:1:task/c/t1","ProtectionEnabled":true,"#
        + #""ExpirationDate":"2999-01-01T00:00:00Z"}}"#

    private func report(_ agent: Agent) async -> ProtectionReport {
        await Protector(
            client: TaskProtectionClient(uri: "http://agent", task: TaskID("t1"), http: agent),
            minutes: 120,
            journal: Journal(ProgramLog { _ in })
        ).protect()
    }

    @Test("a granted request is not read back")
    func granted() async {
        let agent = Agent(put: .success(Self.protected), get: Self.protected)
        #expect(await report(agent) == .protected(for: .seconds(7_200)))
        #expect(agent.methods == [.put])
    }

    @Test("a renewal that is blocked learns what an earlier sidecar was granted")
    func held() async {
        let agent = Agent(put: .success(Self.blocked), get: Self.protected)
        #expect(await report(agent) == .held(for: .seconds(7_200), "DEPLOYMENT_BLOCKED"))
    }

    @Test("a request whose answer was lost is resolved by reading")
    func lostAnswer() async {
        let lost = HTTPFailure(.timedOut, mayHaveTakenEffect: true)
        let agent = Agent(put: .failure(lost), get: Self.protected)
        #expect(await report(agent) == .held(for: .seconds(7_200), "\(lost)"))
        #expect(agent.methods == [.put, .get])
    }

    @Test("without an earlier grant a refusal stays one")
    func refused() async {
        let agent = Agent(put: .success(Self.blocked), get: Self.notProtected)
        #expect(await report(agent) == .blocked)
    }
}
