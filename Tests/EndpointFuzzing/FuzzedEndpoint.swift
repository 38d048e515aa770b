internal import Curl
internal import Daemon
internal import Decisions
internal import HCPTerraform
internal import InMemoryPorts
internal import Ports
internal import ScaleUp
internal import Synchronization

/// An endpoint over a ledger in memory, a service and callbacks that only record, for requests by
/// the million.
package struct FuzzedEndpoint: Sendable {
    static let key = RunTaskKey("the key")
    /// Where callbacks may go.
    static let origin = "https://app.terraform.io"
    /// Few, so that both sides of the ceiling are met.
    static let maxCount = 3

    /// What is asked. A planted fault is put around it.
    typealias Subject = @Sendable (EndpointRequest) async -> EndpointResponse

    private let store: InMemoryLedgerStore
    private let service = RecordingService()
    private let callbacks = RecordingCallbacks()
    private let answer: Subject

    /// Jobs that an agent holds from the beginning, and always.
    private static let held: [Job: Ledger.JobEntry] = {
        let entry = Ledger.JobEntry(at: WallTime(milliseconds: 0), task: TaskID("agent"))
        let jobs = ["plan", "apply"].compactMap { Job(id: "run-0", type: $0) }
        return Dictionary(uniqueKeysWithValues: jobs.map { ($0, entry) })
    }()

    /// - Parameter fault: what is wrong with the endpoint; nil for the real one.
    package init(_ fault: PlantedFault? = nil) {
        guard let limits = Limits(desiredCount: 0, maxCount: Self.maxCount, spareCount: 0),
            let origin = Origin(Self.origin)
        else { preconditionFailure("the limits and the address are constants") }
        var ledger = Ledger()
        ledger.jobs = Self.held
        store = InMemoryLedgerStore(ledger, limits)
        let clock = FuzzClock()
        let announcer = Announcer(
            store: store,
            service: service,
            clock: { clock.now },
            retry: RetryClock(sleep: { clock.advance($0) })
        )
        let keeper = PoolKeeper(
            store: store,
            service: service,
            announcer: announcer,
            patience: .seconds(3_600)
        )
        let table = PoolTable([PoolTable.Entry("agents", isDefault: true)])
        let endpoint = Endpoint(
            Endpoint.Parts(
                keys: RunTaskKeys("the key"),
                policy: Verdict.Policy(
                    origin: origin,
                    announceStages: [.prePlan, .preApply],
                    announceRunCreated: true
                ),
                pools: [Endpoint.Pool("agents", announcer: announcer, keeper: keeper)],
                table: table,
                sweeper: Sweeper([SweepGroup([(0, keeper)], of: table)]),
                callback: CallbackClient(callbacks)
            ),
            // A cancelled pause is remembered until it would have ended, by the million here.
            budget: .seconds(30),
            log: ProgramLog { _ in }
        )
        let subject: Subject = { await endpoint.respond(to: $0) }
        let dropping: Subject = { [store] request in
            let response = await subject(request)
            if response.status == 200, request.signatures.first?.kind == .notification {
                _ = try? await store.change { ledger, _ in ledger.jobs = [:] }
            }
            return response
        }
        answer =
            fault.map { $0.put(around: $0 == .dropsHeldJobs ? dropping : subject) } ?? subject
    }

    /// What one request led to.
    struct Outcome {
        let status: Int
        let before: Ledger
        let after: Ledger
        let desired: Int
        /// The URLs that were called.
        let called: [String]
    }

    func ask(_ request: EndpointRequest) async -> Outcome {
        let before = await ledger()
        callbacks.forget()
        let status = await answer(request).status
        return Outcome(
            status: status,
            before: before,
            after: await ledger(),
            desired: service.desired,
            called: callbacks.urls
        )
    }

    /// Only what is held again, so that it stays quick.
    func forgetJobs() async {
        _ = try? await store.change { ledger, _ in ledger.jobs = Self.held }
    }

    private func ledger() async -> Ledger {
        guard let ledger = try? await store.read().ledger else {
            preconditionFailure("a ledger in memory can be read")
        }
        return ledger
    }
}

/// Stands still but for pauses.
private final class FuzzClock: Sendable {
    private let state = Mutex(0)

    var now: WallTime { WallTime(milliseconds: state.withLock { $0 }) }
    func advance(_ time: Duration) { state.withLock { $0 += Int(time / .milliseconds(1)) + 1 } }
}

private final class RecordingService: ServicePort {
    private let state = Mutex(0)

    var desired: Int { state.withLock { $0 } }

    func setDesiredCount(_ count: Int) async throws(ServiceFailure) -> ServiceCounts {
        state.withLock { $0 = count }
        return try await counts()
    }

    func counts() async throws(ServiceFailure) -> ServiceCounts {
        ServiceCounts(desired: desired, running: 0, pending: desired)
    }

    func tasks() async throws(ServiceFailure) -> [TaskID] { [] }
}

private final class RecordingCallbacks: HTTPClient {
    private let state = Mutex<[String]>([])

    var urls: [String] { state.withLock { $0 } }
    func forget() { state.withLock { $0 = [] } }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        state.withLock { $0.append(request.url) }
        return HTTPResponse(status: 200)
    }
}
