import AWS
import Decisions
import Operators
import Ports
import Testing

/// A pool as a test wants it, at one moment.
struct PoolWorld {
    static let now = WallTime(milliseconds: 1_795_660_503_000)

    var ledger = Ledger(version: 7, size: 3, isAdopted: true)
    var limits = Limits(desiredCount: 0, maxCount: 10, spareCount: 0)
    var limitsFault: LimitsFault?
    var desired = 3
    var status = "ACTIVE"
    var deployments = [
        DeploymentDescription(
            DeploymentView(id: "ecs-svc/2", isPrimary: true, state: .completed, running: 2),
            definition: "tfc-agents:12"
        )
    ]
    var events: [ServiceMessage] = []
    var live: [TaskDescription] = []
    var stopped: [TaskDescription] = []
    var departed: [TaskID: Ledger.Departed] = [:]

    static func ago(_ seconds: Int) -> WallTime {
        now.advanced(by: .seconds(-seconds))
    }

    static func job(_ key: String) throws -> Job { try #require(Job(key: key)) }

    mutating func announce(_ key: String, _ seconds: Int, task: TaskID? = nil) throws {
        ledger.jobs[try Self.job(key)] = Ledger.JobEntry(at: Self.ago(seconds), task: task)
    }

    mutating func run(
        _ id: String,
        state: String = "RUNNING",
        _ seconds: Int,
        revision: Int = 12
    ) -> TaskID {
        let task = TaskDescription(
            id: TaskID(id),
            state: state,
            definition: "tfc-agents:\(revision)",
            createdAt: Self.ago(seconds + 40),
            connectivityAt: Self.ago(seconds + 30),
            pullStartedAt: state == "RUNNING" ? Self.ago(seconds + 25) : nil,
            pullStoppedAt: state == "RUNNING" ? Self.ago(seconds + 2) : nil,
            startedAt: state == "RUNNING" ? Self.ago(seconds) : nil
        )
        live.append(task)
        return task.id
    }

    mutating func stop(
        _ id: String,
        _ seconds: Int,
        code: String = "EssentialContainerExited",
        reason: String = "Essential container in task exited",
        ran: Bool = true,
        exitCode: Int? = 0
    ) -> TaskID {
        let task = TaskDescription(
            id: TaskID(id),
            state: "STOPPED",
            definition: "tfc-agents:12",
            createdAt: Self.ago(seconds + 100),
            startedAt: ran ? Self.ago(seconds + 60) : nil,
            stoppedAt: Self.ago(seconds),
            stopCode: code,
            stoppedReason: reason,
            containers: [.init(name: "tfc-agent", exitCode: exitCode)]
        )
        stopped.append(task)
        return task.id
    }

    var pool: PoolStatus {
        get throws {
            PoolStatus(
                place: ECSPlace(cluster: "tfc", service: "tfc-agents"),
                at: Self.now,
                ledger: LedgerSnapshot(
                    ledger: ledger,
                    limits: try #require(limits),
                    limitsFault: limitsFault
                ),
                service: ServiceDescription(
                    counts: ServiceCounts(
                        desired: desired,
                        running: live.count { $0.state == "RUNNING" },
                        pending: live.count { $0.state != "RUNNING" },
                        status: status,
                        deployments: deployments.map(\.view)
                    ),
                    deployments: deployments,
                    events: events
                ),
                live: live,
                stopped: stopped,
                departed: departed
            )
        }
    }
}
