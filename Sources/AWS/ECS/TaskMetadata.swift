package import Curl
package import Decisions
import FoundationEssentials
package import Ports
import StrictJSON

/// What the task metadata endpoint, version 4, says of the task (ECS developer guide,
/// task-metadata-endpoint-v4-response). Fields that it may leave out are optional here.
package struct TaskMetadata: Hashable, Sendable {
    /// The cluster's short name; Fargate gives an ARN, the EC2 agent a name.
    package let cluster: String
    package let clusterARN: String?
    package let taskARN: String
    /// Nil for a task without a service, and where the platform does not say.
    package let serviceName: String?
    package let family: String
    package let revision: String
    /// When the pull of the images began and ended; nil where the platform does not say.
    package let pullStartedAt: WallTime?
    package let pullStoppedAt: WallTime?

    package init(
        cluster: String,
        clusterARN: String? = nil,
        taskARN: String,
        serviceName: String?,
        family: String,
        revision: String,
        pullStartedAt: WallTime? = nil,
        pullStoppedAt: WallTime? = nil
    ) {
        self.cluster = cluster
        self.clusterARN = clusterARN
        self.taskARN = taskARN
        self.serviceName = serviceName
        self.family = family
        self.revision = revision
        self.pullStartedAt = pullStartedAt
        self.pullStoppedAt = pullStoppedAt
    }

    package var taskID: TaskID { TaskID(arn: taskARN) }

    /// Whether the service starts new tasks from another task definition than this task's. An
    /// answer that names none, as of a service that ECS does not deploy itself, says nothing.
    package func isOutdated(in service: ServiceCounts) -> Bool {
        guard let primary = service.taskDefinition, !family.isEmpty, !revision.isEmpty else {
            return false
        }
        // An ARN, arn:aws:ecs:region:account:task-definition/family:revision.
        return primary.split(separator: "/").last.map(String.init) != "\(family):\(revision)"
    }

    /// The fourth field of the task's ARN.
    package var region: String? {
        let fields = taskARN.split(separator: ":", omittingEmptySubsequences: false)
        return fields.count > 3 && !fields[3].isEmpty ? String(fields[3]) : nil
    }
}

/// Why an endpoint of the container agent gave no usable answer.
package enum AgentEndpointFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case transport(HTTPFailure)
    case status(Int)
    case malformed(cause: String)

    package var description: String {
        switch self {
        case .transport(let failure): "\(failure)"
        case .status(let status): "HTTP status \(status)"
        case .malformed(let cause): "malformed answer: \(cause)"
        }
    }
}

package struct TaskMetadataClient: Sendable {
    private let uri: String
    private let http: any HTTPClient

    /// The endpoint is on this host; its own server times out after 5 s (ecs-agent,
    /// `task_server_setup.go`).
    static let deadline: Duration = .seconds(6)

    /// - Parameter uri: `ECS_CONTAINER_METADATA_URI_V4`, which differs for each container.
    package init(uri: String, http: any HTTPClient) {
        self.uri = uri
        self.http = http
    }

    /// Asks once. The agent answers with an error while it is busy and before it knows the task,
    /// so whoever needs the answer asks again.
    package func task() async throws(AgentEndpointFailure) -> TaskMetadata {
        let response: HTTPResponse
        do {
            response = try await http.send(
                HTTPRequest(.get, uri + "/task", deadline: Self.deadline)
            )
        } catch {
            throw .transport(error)
        }
        guard response.status == 200 else { throw .status(response.status) }
        guard let answer = try? StrictJSON.decode(Answer.self, from: response.body) else {
            throw .malformed(cause: "expected Cluster, TaskARN, Family and Revision as text")
        }
        guard let cluster = ECSName(answer.cluster, .cluster) else {
            throw .malformed(cause: "Cluster is neither a name nor an ARN")
        }
        guard !TaskID(arn: answer.taskARN).text.isEmpty else {
            throw .malformed(cause: "TaskARN is empty")
        }
        return answer.metadata(of: cluster)
    }

    private struct Answer: Decodable {
        let cluster: String
        let taskARN: String
        let family: String
        let revision: String
        let serviceName: String?
        let pullStartedAt: Timestamp?
        let pullStoppedAt: Timestamp?

        enum CodingKeys: String, CodingKey {
            case cluster = "Cluster"
            case taskARN = "TaskARN"
            case family = "Family"
            case revision = "Revision"
            case serviceName = "ServiceName"
            case pullStartedAt = "PullStartedAt"
            case pullStoppedAt = "PullStoppedAt"
        }

        func metadata(of cluster: ECSName) -> TaskMetadata {
            TaskMetadata(
                cluster: cluster.short,
                clusterARN: cluster.arn,
                taskARN: taskARN,
                serviceName: serviceName.flatMap { $0.isEmpty ? nil : $0 },
                family: family,
                revision: revision,
                pullStartedAt: pullStartedAt?.time,
                pullStoppedAt: pullStoppedAt?.time
            )
        }
    }
}
