package import AWS
package import Decisions
package import HCPTerraform
package import Ports

/// Everything that was looked at of a pool and its surroundings, before it is judged.
package struct Examination: Sendable {
    /// With whose rights it was looked at.
    package enum Seat: Sendable {
        /// Those of a task of the pool, which runs have too.
        case task
        case function
        case person
    }

    package var place: ECSPlace
    package var seat: Seat
    package var at: WallTime
    package var version: String
    /// What this program is linked with at run time.
    package var libraries: String
    package var ledgerTable: String
    package var ledger: Sighting<LedgerSnapshot> = .notMade
    /// The version of the program that wrote the ledger last.
    package var writer: Sighting<String?> = .notMade
    package var table: Sighting<TableInspection.Description> = .notMade
    package var service: Sighting<ServiceSettings> = .notMade
    package var definition: Sighting<DefinitionSettings> = .notMade
    package var tasks: Sighting<[TaskDescription]> = .notMade
    package var protectedTasks: Sighting<Set<TaskID>> = .notMade
    /// Whether there is an image, by its name.
    package var images: [String: Sighting<Bool>] = [:]
    package var logGroups: [String: Sighting<Bool>] = [:]
    /// The type of each parameter that a container's secret is read from; nil where there is none.
    package var parameters: [String: Sighting<String?>] = [:]
    /// Fargate's vCPUs that may run at once.
    package var quota: Sighting<Double> = .notMade
    package var alarms: Sighting<[SurroundingsInspection.Alarm]> = .notMade
    /// How far this clock is before AWS's.
    package var clockSkew: Sighting<Duration> = .notMade
    /// Whether AWS knows who asks.
    package var credentials: Sighting<Bool> = .notMade
    package var permissions: [Permission: Sighting<Bool>] = [:]
    /// What the task role may do, by IAM's simulator; a person asks that, whose own rights say nothing
    /// of the role's. One answer stands for all where that is not allowed.
    package var roleRights: Sighting<[Permission: Bool]> = .notMade
    package var terraform = TerraformExamination()
    package var endpoint = EndpointExamination()

    package init(
        place: ECSPlace,
        seat: Seat,
        at: WallTime,
        version: String,
        libraries: String,
        ledgerTable: String
    ) {
        self.place = place
        self.seat = seat
        self.at = at
        self.version = version
        self.libraries = libraries
        self.ledgerTable = ledgerTable
    }
}

extension Sighting {
    static var notMade: Sighting { .unseen("it was not looked at") }
}

/// What the pool's roles must be allowed, and must not be.
package enum Permission: String, Hashable, Sendable, CaseIterable {
    case describeServices = "ecs:DescribeServices"
    case listTasks = "ecs:ListTasks"
    case describeTasks = "ecs:DescribeTasks"
    case protectTasks = "ecs:UpdateTaskProtection"
    case updateService = "ecs:UpdateService"
    case readLedger = "dynamodb:Query"
    case writeLedger = "dynamodb:UpdateItem"
    case writeLimits = "the limits' attributes"
    case writeElsewhere = "another pool's items"
    case readAgentToken = "the agent token's parameter"

    /// Its part of a check's name.
    package var code: String {
        switch self {
        case .describeServices: "describe_services"
        case .listTasks: "list_tasks"
        case .describeTasks: "describe_tasks"
        case .protectTasks: "protect_tasks"
        case .updateService: "update_service"
        case .readLedger: "read_ledger"
        case .writeLedger: "write_ledger"
        case .writeLimits: "write_limits"
        case .writeElsewhere: "write_elsewhere"
        case .readAgentToken: "read_agent_token"
        }
    }

    /// More than a run may have.
    package var isTooMuch: Bool {
        [.writeLimits, .writeElsewhere, .readAgentToken].contains(self)
    }
}

/// What HCP Terraform says.
package struct TerraformExamination: Sendable {
    package var address = "https://app.terraform.io"
    /// Whether it serves the API there, asked without a token.
    package var isThere: Sighting<Bool> = .notMade
    package var entitlements: Sighting<OrganizationAPI.Entitlements> = .notMade
    package var allowance: Sighting<Int?> = .notMade
    /// As it is set, and the name that HCP Terraform has for its id.
    package var pool: (name: String, id: String)?
    package var poolName: Sighting<String> = .notMade
    package var workspace: (name: String, place: Sighting<WorkspacePlace?>)?
    package var runTasks: Sighting<[OrganizationAPI.RunTaskSettings]> = .notMade
    /// The stages at which the workspace calls the run task.
    package var stages: Sighting<[String]> = .notMade
}

/// What the public endpoint answers.
package struct EndpointExamination: Sendable {
    package var url: String?
    /// Whether the key could be read that calls are signed with.
    package var key: Sighting<Bool> = .notMade
    /// The status of a verification request that is signed with the key that the endpoint should have.
    package var signed: Sighting<Int> = .notMade
    /// The version that the endpoint tells those who sign; nil where it tells none.
    package var version: Sighting<String?> = .notMade
    package var unsigned: Sighting<Int> = .notMade
    /// What it answers to an unsigned question about the pool.
    package var question: Sighting<Int> = .notMade
}
