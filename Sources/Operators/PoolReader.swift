package import AWS
package import Decisions
import Ports

/// Reads what ``PoolStatus`` is made of, all at once. It only reads, and what fails is told in its
/// place: whoever looks has often a fault to find.
package struct PoolReader: Sendable {
    private let place: ECSPlace
    private let ecs: ECSClient
    private let store: DynamoDBLedgerStore

    /// - Parameters:
    ///   - table: the ledger's.
    ///   - limits: for what the table's item leaves out.
    package init(_ aws: AWSClient, _ place: ECSPlace, table: String, limits: Limits) {
        self.place = place
        ecs = ECSClient(aws)
        store = DynamoDBLedgerStore(
            aws,
            table: table,
            cluster: place.cluster,
            service: place.service,
            environment: limits,
            adoption: nil
        )
    }

    package func look(at now: WallTime) async -> PoolStatus {
        async let ledger = Self.reading("the ledger") { try await store.read() }
        async let service = Self.reading("the service") {
            try await ecs.lookAtService(cluster: place.cluster, service: place.service)
        }
        async let live = tasks(areStopped: false)
        async let stopped = tasks(areStopped: true)
        let gone = await stopped
        let departed = await Self.reading("departures") {
            try await store.departed(Set((gone.tasks ?? []).map(\.id)))
        }
        let (book, seen, tasks) = await (ledger, service, live)
        return PoolStatus(
            place: place,
            at: now,
            ledger: book.value,
            service: seen.value,
            live: tasks.tasks,
            stopped: gone.tasks,
            departed: departed.value ?? [:],
            unknown: [book.fault, seen.fault, tasks.fault, gone.fault, departed.fault]
                .compactMap(\.self).withoutRepeats
        )
    }

    /// Tasks of either kind whose state is asked for: ECS answers an account some calls a second, of a
    /// hundred tasks each, and the pool itself needs them more.
    static let mostDescribed = 500

    /// Where ECS may be asked for the list alone, tasks without their state.
    private func tasks(areStopped: Bool) async -> (tasks: [TaskDescription]?, fault: String?) {
        let listed = await Self.reading("the tasks") {
            try await ecs.listTasks(
                cluster: place.cluster,
                service: place.service,
                areStopped: areStopped
            )
        }
        guard let ids = listed.value else { return (nil, listed.fault) }
        let asked = ids.sorted().prefix(Self.mostDescribed)
        let described = await Self.reading("the tasks' state") {
            try await ecs.describeTasks(cluster: place.cluster, Set(asked))
        }
        guard let tasks = described.value else {
            return (ids.map { TaskDescription(id: $0) }, described.fault)
        }
        let rest = ids.sorted().dropFirst(Self.mostDescribed).map { TaskDescription(id: $0) }
        let kind = areStopped ? "stopped " : ""
        let fault =
            rest.isEmpty ? nil : "the state of \(rest.count) \(kind)tasks: too many to ask for"
        return (tasks + rest, fault)
    }

    private static func reading<Value: Sendable>(
        _ what: String,
        _ read: () async throws -> Value
    ) async -> (value: Value?, fault: String?) {
        do {
            return (try await read(), nil)
        } catch {
            return (nil, "\(what): \(error)")
        }
    }
}

extension [String] {
    /// The same call, refused twice, is said once.
    fileprivate var withoutRepeats: [String] {
        var told: Set<String> = []
        return filter { told.insert($0).inserted }
    }
}
