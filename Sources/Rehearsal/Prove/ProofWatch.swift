import AWS
import Decisions
import Ports
import Rules
import Synchronization

/// Looks at ECS and the ledger while a proof is played, and keeps what it saw.
final class ProofWatch: Sendable {
    private struct State {
        var tasks: [TaskID: TaskDescription] = [:]
        var service: ServiceCounts?
        var ledger: [String: String] = [:]
        /// Every text that an item ever had when it was looked at.
        var items: Set<String> = []
        var failures: [String] = []
    }

    private let state = Mutex(State())
    private let account: ProofAccount
    private let pause: Duration

    init(_ account: ProofAccount, every seconds: Double) {
        self.account = account
        pause = .seconds(seconds)
    }

    var tasks: [TaskDescription] {
        state.withLock { $0.tasks.values.sorted { $0.id < $1.id } }
    }

    var service: ServiceCounts? { state.withLock { $0.service } }
    var items: [String] { state.withLock { $0.items.sorted() } }
    /// Looks that failed, in the words of each failure.
    var failures: [String] { state.withLock { $0.failures } }

    /// Until cancelled.
    func run() async {
        while !Task.isCancelled {
            do {
                try await look()
            } catch is CancellationError {
                return
            } catch {
                state.withLock { $0.failures.append("\(error)") }
            }
            try? await Task.sleep(for: pause)
        }
    }

    func look() async throws {
        let names = account.names
        let counts = try await account.ecs.describeService(
            cluster: names.cluster,
            service: names.service
        )
        var listed: [TaskID] = []
        for areStopped in [false, true] {
            listed += try await account.ecs.listTasks(
                cluster: names.cluster,
                service: names.service,
                areStopped: areStopped
            )
        }
        // One that was seen to have stopped stays as it was.
        let over = state.withLock { state in state.tasks.filter { $0.value.stoppedAt != nil } }
        let open = Set(listed).union(state.withLock { Set($0.tasks.keys) })
            .filter { over[$0] == nil }
        let observed = try await account.ecs.describeTasks(cluster: names.cluster, open)
        let ledger = try await account.ledger()
        state.withLock { state in
            state.service = counts
            for task in observed { state.tasks[task.id] = task }
            state.ledger = ledger
            state.items.formUnion(ledger.values)
        }
    }

    /// The ledger as it was seen last.
    private var ledger: LedgerRecord? {
        let texts = state.withLock { $0.ledger }
        return LedgerRecord(texts.compactMapValues { JSON(parsing: $0.utf8)?.object })
    }

    /// What the service looks like, for the rule of rest.
    func rest(watched seconds: Double, at now: WallTime) -> Rest? {
        guard let service else { return nil }
        let tasks = tasks
        let changes = tasks.flatMap { [$0.createdAt, $0.stoppedAt] }.compactMap(\.self)
        let last = changes.max() ?? WallTime(milliseconds: 0)
        var rest = Rest(
            floor: 0,
            desired: service.desired,
            running: service.running,
            quiet: now.milliseconds - last.milliseconds,
            watched: Int(seconds * 1_000)
        )
        rest.changing = tasks.count { $0.stoppedAt == nil } - service.running
        rest.ledger = ledger.map {
            .init(
                size: $0.size,
                jobs: Array($0.jobs),
                leaving: Array($0.leaving),
                exposed: Array($0.exposed)
            )
        }
        return rest
    }
}
