package import Decisions
internal import FoundationEssentials
import StrictJSON

/// One call of a run task, as HCP Terraform sends it (run tasks integration API, "Run task
/// request"), that can be answered. Only the fields that are used; others come and go.
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

    /// What it is about.
    package enum Subject: Hashable, Sendable {
        /// A run has come to a stage.
        case stage(Stage, ofRun: String)
        /// Something that is not known here. Its task is settled all the same: a run that waits
        /// for an answer must not wait for a newer version of this program.
        case unknown(RunTaskFault)
    }

    package let subject: Subject
    package let workspaceName: String
    package let organizationName: String
    /// Whether the run is a plan alone; nil where the call does not say.
    package let isSpeculative: Bool?
    package let accessToken: String
    package let callbackURL: String
    /// True when the answer may carry structured outcomes.
    package let acceptsOutcomes: Bool

    /// The stage that is announced or passed; nil when it is not known here.
    package var stage: Stage? {
        if case .stage(let stage, _) = subject { stage } else { nil }
    }

    /// The job that this call announces; nil when no agent job follows the stage.
    package var job: Job? {
        guard case .stage(let stage, let run) = subject else { return nil }
        return stage.jobType.flatMap { Job(id: run, type: $0) }
    }

    /// Jobs of the run that are over when this call comes ("Run states"). Policies are evaluated
    /// during `post_plan`, so theirs is over one stage later.
    package var closedJobs: [Job] {
        guard case .stage(let stage, let run) = subject else { return [] }
        let types =
            switch stage {
            case .prePlan: [] as [String]
            case .postPlan: ["plan"]
            case .preApply: ["plan", "policy"]
            case .postApply: ["plan", "policy", "apply"]
            }
        return types.compactMap { Job(id: run, type: $0) }
    }
}

/// What a body is, once its signature is right. Only what is no JSON object is none: HCP Terraform
/// adds fields and stages, and what it sends must not fail for their sake.
package enum RunTaskCall: Sendable {
    /// Sent when a run task is created or changed. Wants 200 and nothing else.
    case verification
    case request(RunTaskRequest)
    /// There is nobody who could be answered, since the token or the callback URL is missing or
    /// cannot be used.
    case unanswerable(RunTaskFault, callbackURL: String?)

    /// - Parameter body: the raw bytes, already verified.
    /// - Throws: ``RunTaskFault`` with what is missing, never with a value.
    package init(body: [UInt8]) throws(RunTaskFault) {
        let payload: Payload
        do {
            payload = try StrictJSON.decode(Payload.self, from: body)
        } catch {
            throw RunTaskFault(cause: "the body is not the JSON of a run task")
        }
        self = payload.isVerification ? .verification : payload.call()
    }

    /// No run is refused for the sake of one field, whatever it holds.
    private struct Payload: Decodable {
        var payload_version: Lenient<PayloadVersion>?
        var stage: Lenient<String>?
        var access_token: Lenient<String>?
        var run_id: Lenient<String>?
        var task_result_callback_url: Lenient<String>?
        var capabilities: Lenient<Capabilities>?
        var is_speculative: Lenient<Bool>?
        var organization_name: Lenient<String>?
        var task_result_enforcement_level: Lenient<String>?
        var workspace_name: Lenient<String>?

        struct Capabilities: Decodable { var outcomes: Lenient<Bool>? }

        /// Each of these marks has been seen alone on verification requests; the token is never
        /// valid. One without a token and a callback URL has nothing to be answered.
        var isVerification: Bool {
            access_token?.value == "test-token"
                || task_result_enforcement_level?.value == "test"
                || stage?.value == "test"
                || (access_token == nil && task_result_callback_url == nil)
        }

        func call() -> RunTaskCall {
            let callback = task_result_callback_url?.value.flatMap { $0.isEmpty ? nil : $0 }
            // It goes into a header of the callback, which takes nothing else.
            guard let token = access_token?.value, !token.isEmpty,
                token.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f })
            else {
                let fault = RunTaskFault(cause: "access_token is missing or malformed")
                return .unanswerable(fault, callbackURL: callback)
            }
            guard let callback else {
                let fault = RunTaskFault(cause: "task_result_callback_url is missing or malformed")
                return .unanswerable(fault, callbackURL: nil)
            }
            let request = RunTaskRequest(
                subject: subject,
                workspaceName: workspace_name?.value ?? "",
                organizationName: organization_name?.value ?? "",
                isSpeculative: is_speculative?.value,
                accessToken: token,
                callbackURL: callback,
                acceptsOutcomes: capabilities?.value?.outcomes?.value ?? false
            )
            return .request(request)
        }

        private var subject: RunTaskRequest.Subject {
            // Where no version is stated the fields speak for themselves.
            if let payload_version, payload_version.value?.number != 1 {
                return .unknown(RunTaskFault(cause: "payload_version is not 1"))
            }
            guard let stage = stage?.value.flatMap(RunTaskRequest.Stage.init(rawValue:)) else {
                let names = RunTaskRequest.Stage.allCases.map(\.rawValue)
                let fault = "stage is none of " + names.joined(separator: ", ")
                return .unknown(RunTaskFault(cause: fault))
            }
            guard let run = run_id?.value, Job(id: run, type: "plan") != nil else {
                return .unknown(RunTaskFault(cause: "run_id is missing or malformed"))
            }
            return .stage(stage, ofRun: run)
        }
    }
}

/// What is wrong with a run task call; never with a value of it.
package struct RunTaskFault: Error, Hashable, CustomStringConvertible {
    package let cause: String
    package var description: String { cause }
}

/// A value, or nil where something of another type is.
struct Lenient<Value: Decodable>: Decodable {
    let value: Value?

    init(from decoder: any Decoder) throws {
        value = try? decoder.singleValueContainer().decode(Value.self)
    }
}

/// The version of what HCP Terraform sends: a number in some of its bodies, a text in others.
struct PayloadVersion: Decodable {
    let number: Int?

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        number =
            (try? value.decode(Int.self)) ?? (try? value.decode(String.self)).flatMap { Int($0) }
    }
}
