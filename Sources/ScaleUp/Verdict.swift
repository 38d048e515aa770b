package import Decisions
package import HCPTerraform

/// What a request deserves, decided from its bytes alone. The order matters: nothing is parsed
/// before its signature is right, and nothing is called that the signature does not cover.
package enum Verdict: Sendable {
    case refuse(Refusal)
    /// Another key may have signed it, one that has not been read yet.
    case unknownSignature
    /// 200 at once; nothing is announced, nothing is called.
    case verification
    /// Announce the job if there is one, call back, answer.
    case act(RunTaskRequest, Need)

    /// Whether the run needs an agent of this service now.
    package enum Need: Hashable, Sendable {
        case agent(Job)
        case nothing(NoNeed)
    }

    /// Why it needs none; the text is shown on the run's page.
    package enum NoNeed: Hashable, Sendable, CustomStringConvertible {
        case stage
        case workspace
        case otherPool
        case executionMode(String)

        package var description: String {
            switch self {
            case .stage: "No agent is needed for this stage"
            case .workspace: "No agent is started here for this workspace"
            case .otherPool: "This workspace runs in another agent pool"
            case .executionMode(let mode): "This workspace runs without agents, in mode \(mode)"
            }
        }
    }

    /// Largest body that is read. A run task call is about 2 KB; plans are only linked.
    package static let maximumBodyBytes = 1 << 20

    package struct Policy: Sendable {
        package var origin: Origin
        package var announceStages: Set<RunTaskRequest.Stage>
        package var announceWorkspaces: WorkspacePatterns

        package init(
            origin: Origin,
            announceStages: Set<RunTaskRequest.Stage>,
            announceWorkspaces: WorkspacePatterns = .all
        ) {
            self.origin = origin
            self.announceStages = announceStages
            self.announceWorkspaces = announceWorkspaces
        }
    }

    /// - Parameter keys: valid now; more than one while a key is being replaced.
    package init(_ request: EndpointRequest, keys: [RunTaskKey], _ policy: Policy) {
        if let refusal = Refusal(request) {
            self = .refuse(refusal)
            return
        }
        guard let signature = request.signatures.first.flatMap(RunTaskSignature.init),
            keys.contains(where: { $0.signed(request.body, signature) })
        else {
            self = .unknownSignature
            return
        }
        do throws(RunTaskFault) {
            self = try Self.judge(RunTaskCall(body: request.body), policy)
        } catch {
            self = .refuse(.noRunTask(error))
        }
    }

    private static func judge(_ call: RunTaskCall, _ policy: Policy) -> Verdict {
        switch call {
        case .verification:
            return .verification
        case .request(let request):
            guard Origin(request.callbackURL) == policy.origin else {
                return .refuse(.otherHost)
            }
            return .act(request, need(request, policy))
        }
    }

    private static func need(_ request: RunTaskRequest, _ policy: Policy) -> Need {
        guard policy.announceStages.contains(request.stage), let job = request.job else {
            return .nothing(.stage)
        }
        // A call without a name is ours: an agent too many is better than a run without one.
        let name = request.workspaceName
        guard name.isEmpty || policy.announceWorkspaces.match(name) else {
            return .nothing(.workspace)
        }
        return .agent(job)
    }
}
