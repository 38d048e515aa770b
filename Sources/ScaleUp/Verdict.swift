package import Decisions
package import HCPTerraform

/// What a request deserves, decided from its bytes alone. The order matters: nothing is parsed
/// before its signature is right, and nothing is called that the signature does not cover.
package enum Verdict: Sendable {
    case refuse(EndpointResponse)
    /// 200 at once; nothing is announced, nothing is called.
    case verification
    /// Announce the job if there is one, call back, answer.
    case act(RunTaskRequest, announce: Job?)

    /// Largest body that is read. A run task call is about 2 KB; plans are only linked.
    package static let maximumBodyBytes = 1 << 20

    package struct Policy: Sendable {
        /// Keys that are valid now; two of them while a key is being replaced.
        package var keys: [RunTaskKey]
        package var origin: Origin
        package var announceStages: Set<RunTaskRequest.Stage>

        package init(
            keys: [RunTaskKey],
            origin: Origin,
            announceStages: Set<RunTaskRequest.Stage>
        ) {
            self.keys = keys
            self.origin = origin
            self.announceStages = announceStages
        }
    }

    package init(_ request: EndpointRequest, _ policy: Policy) {
        guard request.method == "POST" else {
            self = .refuse(EndpointResponse(405, "Run tasks call with POST."))
            return
        }
        guard request.body.count <= Self.maximumBodyBytes else {
            self = .refuse(EndpointResponse(413, "The body is larger than 1 MiB."))
            return
        }
        guard let signature = request.single("x-tfc-task-signature"),
            policy.keys.contains(where: { $0.signed(request.body, signature: signature) })
        else {
            self = .refuse(
                EndpointResponse(401, "The signature is missing or is not that of the HMAC key.")
            )
            return
        }
        do throws(RunTaskFault) {
            self = try Self.judge(RunTaskCall(body: request.body), policy)
        } catch {
            self = .refuse(EndpointResponse(400, "This is no run task call: \(error)."))
        }
    }

    private static func judge(_ call: RunTaskCall, _ policy: Policy) -> Verdict {
        switch call {
        case .verification:
            return .verification
        case .request(let request):
            guard Origin(request.callbackURL) == policy.origin else {
                return .refuse(
                    EndpointResponse(400, "The callback URL is not one of TFC_ADDRESS.")
                )
            }
            let announces = policy.announceStages.contains(request.stage)
            return .act(request, announce: announces ? request.job : nil)
        }
    }
}
