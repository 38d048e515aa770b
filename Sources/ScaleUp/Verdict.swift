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
    /// 200 at once: whoever it is about cannot be answered.
    case unanswerable(RunTaskFault)
    /// Announce the job if there is one, call back, answer.
    case act(RunTaskRequest, Need)
    /// Announce the job that is coming, or end those that are over, and answer.
    case heed(RunNotification, News)
    /// 200 at once: a notification of which nothing follows.
    case nothingFollows

    /// What follows from a notification. One that HCP Terraform sent before others may come after
    /// them, or never: what it ends is over for good, and a job that it announces after its run's
    /// end counts until it is too old.
    package enum News: Hashable, Sendable {
        /// The job will need an agent.
        case coming(Job)
        /// These need none any more; those that an agent holds are left to its own report.
        case over([Job])
    }

    /// Whether the run needs an agent of this service now.
    package enum Need: Hashable, Sendable {
        case agent(Job)
        case nothing(NoNeed)
    }

    /// Why it needs none; the text is shown on the run's page.
    package enum NoNeed: Hashable, Sendable, CustomStringConvertible {
        case stage
        case unknown(RunTaskFault)
        case workspace
        case otherPool
        case executionMode(String)
        /// No rule takes the call, and there is no default.
        case noPool
        /// The address names none that there is.
        case unknownPool

        package var description: String {
            switch self {
            case .stage: "No agent is needed for this stage"
            case .unknown(let fault): "No agent is started for an unknown call: \(fault)"
            case .workspace: "No agent is started here for this workspace"
            case .otherPool: "This workspace runs in another agent pool"
            case .executionMode(let mode): "This workspace runs without agents, in mode \(mode)"
            case .noPool: "No pool here takes this call"
            case .unknownPool: "The run task's address names no pool that is here"
            }
        }
    }

    /// Largest body that is read. A run task call is about 2 KB; plans are only linked.
    package static let maximumBodyBytes = 1 << 20

    package struct Policy: Sendable {
        package var origin: Origin
        package var announceStages: Set<RunTaskRequest.Stage>
        package var announceWorkspaces: WorkspacePatterns
        /// Whether a notification that a run was created announces its plan.
        package var announceRunCreated: Bool

        package init(
            origin: Origin,
            announceStages: Set<RunTaskRequest.Stage>,
            announceWorkspaces: WorkspacePatterns = .all,
            announceRunCreated: Bool = false
        ) {
            self.origin = origin
            self.announceStages = announceStages
            self.announceWorkspaces = announceWorkspaces
            self.announceRunCreated = announceRunCreated
        }

        /// A call without a name is ours: an agent too many is better than a run without one.
        func isOurs(workspace name: String) -> Bool {
            name.isEmpty || announceWorkspaces.match(name)
        }
    }

    /// - Parameter keys: valid now for calls of this kind; more than one while a key is being
    ///   replaced.
    package init(_ request: EndpointRequest, keys: [RunTaskKey], _ policy: Policy) {
        if let refusal = Refusal(request) {
            self = .refuse(refusal)
            return
        }
        guard let (kind, value) = request.signatures.first,
            let signature = RunTaskSignature(value),
            keys.contains(where: { $0.signed(request.body, signature) })
        else {
            self = .unknownSignature
            return
        }
        self =
            switch kind {
            case .runTask: Self.judge(runTask: request.body, policy)
            case .notification: Self.judge(notification: request.body, policy)
            }
    }

    private static func judge(notification body: [UInt8], _ policy: Policy) -> Verdict {
        do throws(NotificationFault) {
            switch try NotificationCall(body: body) {
            case .verification: return .verification
            case .other: return .nothingFollows
            case .run(let notification):
                return news(notification, policy).map { .heed(notification, $0) } ?? .nothingFollows
            }
        } catch {
            return .refuse(.noNotification(error))
        }
    }

    private static func news(_ notification: RunNotification, _ policy: Policy) -> News? {
        if policy.announceRunCreated, let job = notification.coming,
            policy.isOurs(workspace: notification.workspaceName)
        {
            return .coming(job)
        }
        let closed = notification.closedJobs.sorted()
        return closed.isEmpty ? nil : .over(closed)
    }

    private static func judge(runTask body: [UInt8], _ policy: Policy) -> Verdict {
        do throws(RunTaskFault) {
            return try judge(RunTaskCall(body: body), policy)
        } catch {
            return .refuse(.noRunTask(error))
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
        case .unanswerable(let fault, let callback):
            guard callback.map({ Origin($0) == policy.origin }) ?? true else {
                return .refuse(.otherHost)
            }
            return .unanswerable(fault)
        }
    }

    private static func need(_ request: RunTaskRequest, _ policy: Policy) -> Need {
        if case .unknown(let fault) = request.subject { return .nothing(.unknown(fault)) }
        guard let stage = request.stage, policy.announceStages.contains(stage),
            let job = request.job
        else {
            return .nothing(.stage)
        }
        guard policy.isOurs(workspace: request.workspaceName) else { return .nothing(.workspace) }
        return .agent(job)
    }
}
