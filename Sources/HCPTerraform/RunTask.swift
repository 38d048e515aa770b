package import Decisions
internal import FoundationEssentials
import StrictJSON

/// One call of a run task, as HCP Terraform sends it (run tasks integration API, "Run task
/// request"). Only the fields that are used; others come and go.
///
/// The access token and the callback URL are capabilities: whoever has them can settle the task.
/// The type has no description for that reason.
package struct RunTaskRequest: Sendable {
    package enum Stage: String, Sendable, CaseIterable {
        case prePlan = "pre_plan"
        case postPlan = "post_plan"
        case preApply = "pre_apply"
        case postApply = "post_apply"

        /// The kind of job that an agent will be asked for next; none after the last stage.
        ///
        /// `post_plan` stands for the policy evaluation that follows it in pools whose agents
        /// run policies.
        package var jobType: String? {
            switch self {
            case .prePlan: "plan"
            case .postPlan: "policy"
            case .preApply: "apply"
            case .postApply: nil
            }
        }
    }

    package let stage: Stage
    package let runID: String
    package let workspaceName: String
    package let organizationName: String
    package let accessToken: String
    package let callbackURL: String
    /// True when the answer may carry structured outcomes.
    package let acceptsOutcomes: Bool

    /// The job that this call announces; nil when no agent job follows the stage.
    package var job: Job? { stage.jobType.flatMap { Job(id: runID, type: $0) } }

    /// Jobs of the run that are over when this call comes ("Run states"). Policies are evaluated
    /// during `post_plan`, so theirs is over one stage later.
    package var closedJobs: [Job] {
        let types =
            switch stage {
            case .prePlan: [] as [String]
            case .postPlan: ["plan"]
            case .preApply: ["plan", "policy"]
            case .postApply: ["plan", "policy", "apply"]
            }
        return types.compactMap { Job(id: runID, type: $0) }
    }
}

/// What a body is, once its signature is right.
package enum RunTaskCall: Sendable {
    /// Sent when a run task is created or changed. Wants 200 and nothing else.
    case verification
    case request(RunTaskRequest)

    /// - Parameter body: the raw bytes, already verified.
    /// - Throws: ``RunTaskFault`` with what is missing, never with a value.
    package init(body: [UInt8]) throws(RunTaskFault) {
        let payload: Payload
        do {
            payload = try StrictJSON.decode(Payload.self, from: body)
        } catch {
            throw RunTaskFault(cause: "the body is not the JSON of a run task")
        }
        guard payload.payload_version == 1 else {
            throw RunTaskFault(cause: "payload_version is not 1")
        }
        // Both marks have been seen on verification requests; its token is never valid.
        if payload.access_token == "test-token"
            || payload.task_result_enforcement_level?.value == "test"
        {
            self = .verification
            return
        }
        self = .request(try payload.request())
    }

    private struct Payload: Decodable {
        var payload_version: Int?
        var stage: String?
        var access_token: String?
        var run_id: String?
        var task_result_callback_url: String?
        // What a call can do without. No run is refused for their sake, whatever they hold.
        var capabilities: Lenient<Capabilities>?
        var organization_name: Lenient<String>?
        var task_result_enforcement_level: Lenient<String>?
        var workspace_name: Lenient<String>?

        struct Capabilities: Decodable { var outcomes: Lenient<Bool>? }

        func request() throws(RunTaskFault) -> RunTaskRequest {
            guard let stage = stage.flatMap(RunTaskRequest.Stage.init(rawValue:)) else {
                throw RunTaskFault(
                    cause: "stage is none of pre_plan, post_plan, pre_apply, post_apply"
                )
            }
            // It goes into a header of the callback, which takes nothing else.
            guard let token = access_token, !token.isEmpty,
                token.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f })
            else {
                throw RunTaskFault(cause: "access_token is missing or malformed")
            }
            guard let callback = task_result_callback_url, !callback.isEmpty else {
                throw RunTaskFault(cause: "task_result_callback_url is missing")
            }
            guard let run = run_id, Job(id: run, type: "plan") != nil else {
                throw RunTaskFault(cause: "run_id is missing or malformed")
            }
            return RunTaskRequest(
                stage: stage,
                runID: run,
                workspaceName: workspace_name?.value ?? "",
                organizationName: organization_name?.value ?? "",
                accessToken: token,
                callbackURL: callback,
                acceptsOutcomes: capabilities?.value?.outcomes?.value ?? false
            )
        }
    }
}

/// A value, or nil where something of another type is.
private struct Lenient<Value: Decodable>: Decodable {
    let value: Value?

    init(from decoder: any Decoder) throws {
        value = try? decoder.singleValueContainer().decode(Value.self)
    }
}

/// The body is no run task call. Nothing was changed.
package struct RunTaskFault: Error, Hashable, CustomStringConvertible {
    package let cause: String
    package var description: String { cause }
}
