import AWS
import Curl
import Decisions
import ScaleUp

/// The least that a sweep does: makes the service want what the ledger says, for the writer that
/// died between the two.
struct ProjectionRepair: Sendable {
    private let store: any LedgerStore
    private let service: any ServicePort

    init(store: any LedgerStore, service: any ServicePort) {
        self.store = store
        self.service = service
    }

    /// - Returns: 200 when both agree or ECS is held back by an exposed task, 503 otherwise.
    func sweep() async -> EndpointResponse {
        do {
            let snapshot = try await store.read()
            // Of a ledger that was never written nothing is known: its size of zero would end
            // tasks that somebody started by hand.
            guard snapshot.ledger.version > 0 else {
                return EndpointResponse(200, "There is no ledger yet.")
            }
            let before = try await service.counts()
            switch try await Projector(store, service).project(snapshot, counts: before) {
            case .agreed(let size, _):
                let change = before.desired == size ? "" : ", corrected from \(before.desired)"
                return EndpointResponse(200, "The service wants \(size) agents\(change).")
            case .held(_, let size, let counts):
                return EndpointResponse(
                    200,
                    "The service wants \(counts.desired) agents, not \(size), while one of "
                        + "them runs without protection."
                )
            }
        } catch {
            return EndpointResponse(503, "Ledger and service cannot be compared: \(error)")
        }
    }
}

extension ProjectionRepair {
    /// Over the real AWS.
    init(_ settings: EndpointSettings, http: any HTTPClient) {
        let aws = AWSClient(
            settings.aws,
            credentials: CredentialsProvider(settings.credentials, http: http),
            http: http,
            totalDeadline: Endpoint.budget / 2
        )
        self.init(
            store: DynamoDBLedgerStore(
                aws,
                table: settings.ledgerTable,
                cluster: settings.cluster,
                service: settings.service,
                environment: settings.limits
            ),
            service: ECSService(
                ECSClient(aws),
                cluster: settings.cluster,
                service: settings.service
            )
        )
    }
}
