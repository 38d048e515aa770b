import Curl
import Daemon
import Decisions
import InMemoryPorts
import Ports
import Synchronization
import Telemetry

/// A service that remembers what it was set to. It can be closed, so that a test decides when a
/// call goes through, and told to fail.
final class FakeService: ServicePort {
    private struct State {
        var desired: Int
        var written: [Int] = []
        var isOpen = true
        var waiting: [CheckedContinuation<Void, Never>] = []
        var arrivals: [CheckedContinuation<Void, Never>] = []
        var failure: ServiceFailure?
        var listed: [TaskID] = []
        var lists = 0
        var isEnding = false
    }

    private let state: Mutex<State>

    init(desired: Int = 0) { state = Mutex(State(desired: desired)) }

    var written: [Int] { state.withLock(\.written) }
    var desired: Int { state.withLock(\.desired) }

    func fail(_ failure: ServiceFailure?) { state.withLock { $0.failure = failure } }

    func close() { state.withLock { $0.isOpen = false } }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns when a call waits at the closed door.
    func arrival() async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.waiting.isEmpty { state.arrivals.append(continuation) }
                return !state.waiting.isEmpty
            }
            if isThere { continuation.resume() }
        }
    }

    func setDesiredCount(_ count: Int) async throws(ServiceFailure) -> ServiceCounts {
        await pass()
        let failure: ServiceFailure? = state.withLock { state in
            if state.isEnding {
                return .ending(cause: "The service was not active.")
            }
            if state.failure == nil {
                state.desired = count
                state.written.append(count)
            }
            return state.failure
        }
        if let failure { throw failure }
        return try await counts()
    }

    func counts() async throws(ServiceFailure) -> ServiceCounts {
        ServiceCounts(
            desired: desired,
            running: 0,
            pending: desired,
            status: state.withLock { $0.isEnding } ? "DRAINING" : "ACTIVE",
            taskDefinition: nil
        )
    }

    func tasks() async throws(ServiceFailure) -> [TaskID] {
        state.withLock { state in
            state.lists += 1
            return state.listed
        }
    }

    /// What ECS lists from here on.
    func list(_ tasks: [TaskID]) { state.withLock { $0.listed = tasks } }
    var lists: Int { state.withLock { $0.lists } }

    /// ECS deletes it from here on, and lets nobody update it.
    func end() { state.withLock { $0.isEnding = true } }

    private func pass() async {
        await withCheckedContinuation { continuation in
            let (isOpen, arrivals) = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                defer { state.arrivals = [] }
                return (state.isOpen, state.arrivals)
            }
            for arrival in arrivals { arrival.resume() }
            if isOpen { continuation.resume() }
        }
    }
}

/// A ledger of which no call succeeds.
protocol BrokenStore: LedgerStore {
    func fail() async throws(LedgerFailure) -> Never
}

extension BrokenStore {
    func read() async throws(LedgerFailure) -> LedgerSnapshot { try await fail() }

    func change<Answer: Sendable>(
        knowing departed: @escaping @Sendable (Ledger) -> Set<TaskID>,
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot) {
        try await fail()
    }

    func write(_ job: JobWrite) async throws(LedgerFailure) -> JobWriteAnswer { try await fail() }
    func counted() async throws(LedgerFailure) -> Ledger { try await fail() }
    func overview() async throws(LedgerFailure) -> LedgerSnapshot { try await fail() }

    func raise(
        to size: Int,
        over version: Int,
        bookingAt now: WallTime?
    ) async throws(LedgerFailure) -> (isBooked: Bool, counted: Ledger) {
        try await fail()
    }

    func book(
        at now: WallTime
    ) async throws(LedgerFailure) -> (wait: Duration?, counted: Ledger) {
        try await fail()
    }

    func note(
        followed moves: Int,
        after before: Int
    ) async throws(LedgerFailure) -> (isNoted: Bool, counted: Ledger) {
        try await fail()
    }
}

/// A ledger that never answers.
struct HangingStore: BrokenStore {
    func fail() async throws(LedgerFailure) -> Never {
        await hang()
        throw .unchanged(.cancelled)
    }
}

/// A ledger that cannot be reached.
struct FailingStore: BrokenStore {
    func fail() async throws(LedgerFailure) -> Never {
        throw .unchanged(.call("could not connect"))
    }
}

/// Does not heed cancellation, as a call into a hung library would not. What waits here ends with
/// the test process.
func hang() async {
    await Task.detached { try? await Task.sleep(for: .seconds(3_600)) }.value
}

/// A clock that a test moves.
final class FakeClock: Sendable {
    private let state = Mutex(ContinuousClock.now)

    var now: ContinuousClock.Instant { state.withLock { $0 } }

    func advance(_ time: Duration) { state.withLock { $0 += time } }
}

/// A ledger in memory beside whose calls something else happens first, once for each.
final class RacedStore: LedgerStore {
    enum Call: Hashable {
        case read
        case raise
        case book
        case note
    }

    private let store: InMemoryLedgerStore
    private let before: Mutex<[Call: @Sendable () async throws(LedgerFailure) -> Void]>

    /// - Parameter before: done before the first call of the kind.
    init(
        _ store: InMemoryLedgerStore,
        before: [Call: @Sendable () async throws(LedgerFailure) -> Void]
    ) {
        self.store = store
        self.before = Mutex(before)
    }

    private func happen(_ call: Call) async throws(LedgerFailure) {
        let action = before.withLock { $0.removeValue(forKey: call) }
        try await action?()
    }

    func read() async throws(LedgerFailure) -> LedgerSnapshot {
        try await happen(.read)
        return try await store.read()
    }

    func change<Answer: Sendable>(
        knowing departed: @escaping @Sendable (Ledger) -> Set<TaskID>,
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot) {
        try await store.change(knowing: departed, operation)
    }

    func write(_ job: JobWrite) async throws(LedgerFailure) -> JobWriteAnswer {
        try await store.write(job)
    }

    func counted() async throws(LedgerFailure) -> Ledger { try await store.counted() }
    func overview() async throws(LedgerFailure) -> LedgerSnapshot { try await store.overview() }

    func raise(
        to size: Int,
        over version: Int,
        bookingAt now: WallTime?
    ) async throws(LedgerFailure) -> (isBooked: Bool, counted: Ledger) {
        try await happen(.raise)
        return try await store.raise(to: size, over: version, bookingAt: now)
    }

    func book(
        at now: WallTime
    ) async throws(LedgerFailure) -> (wait: Duration?, counted: Ledger) {
        try await happen(.book)
        return try await store.book(at: now)
    }

    func note(
        followed moves: Int,
        after before: Int
    ) async throws(LedgerFailure) -> (isNoted: Bool, counted: Ledger) {
        try await happen(.note)
        return try await store.note(followed: moves, after: before)
    }
}

/// A wall clock, and pauses that take no time but move it; those that overlap do so together.
/// Records them.
final class FakeTime: Sendable {
    private struct State {
        var passed: Duration = .zero
        var slept: [Duration] = []
        var duringSleep: (@Sendable () async -> Void)?
    }

    private let state = Mutex(State())
    private let start = ContinuousClock.now

    var slept: [Duration] { state.withLock(\.slept) }

    func advance(_ time: Duration) { state.withLock { $0.passed += time } }

    /// Runs once, in the next pause.
    func duringSleep(_ action: @escaping @Sendable () async -> Void) {
        state.withLock { $0.duringSleep = action }
    }

    var clock: @Sendable () -> WallTime {
        {
            let passed = self.state.withLock(\.passed)
            return WallTime(milliseconds: 1_000_000 + Int(passed / .milliseconds(1)))
        }
    }

    var retry: RetryClock {
        RetryClock(
            sleep: { time in
                let (end, action) = self.state.withLock { state in
                    state.slept.append(time)
                    return (state.passed + time, state.duringSleep.take())
                }
                await Task.yield()
                self.state.withLock { $0.passed = max($0.passed, end) }
                await action?()
                try Task.checkCancellation()
            },
            random: { 0.5 },
            now: { self.start + self.state.withLock(\.passed) }
        )
    }
}

/// HCP Terraform's API: answers each GET by a function of its URL.
final class FakeAPI: HTTPClient {
    private let answer: @Sendable (String) throws(HTTPFailure) -> HTTPResponse
    private let seen = Mutex<[String]>([])

    init(_ answer: @escaping @Sendable (String) throws(HTTPFailure) -> HTTPResponse) {
        self.answer = answer
    }

    var urls: [String] { seen.withLock { $0 } }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        seen.withLock { $0.append(request.url) }
        let token = request.headers.first { $0.name == "Authorization" }?.value
        guard request.method == .get, token == "Bearer the token" else {
            return HTTPResponse(status: 401)
        }
        return try answer(request.url)
    }
}

extension HTTPResponse {
    init(_ status: Int, _ body: String, _ headers: HTTPHeaders = []) {
        self.init(status: status, headers: headers, body: Array(body.utf8))
    }
}

/// HCP Terraform's side of a callback: answers with the given statuses in turn, the last one for
/// ever; nil is no answer.
final class FakeCallbacks: HTTPClient {
    private struct State {
        var statuses: [Int?]
        var requests: [HTTPRequest] = []
    }

    private let state: Mutex<State>

    init(_ statuses: [Int?] = [200]) { state = Mutex(State(statuses: statuses)) }

    var requests: [HTTPRequest] { state.withLock(\.requests) }
    var count: Int { state.withLock { $0.requests.count } }

    func forget() { state.withLock { $0.requests = [] } }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let status = state.withLock { state in
            state.requests.append(request)
            return state.statuses.count > 1 ? state.statuses.removeFirst() : state.statuses[0]
        }
        guard let status else { throw HTTPFailure(.timedOut, mayHaveTakenEffect: true) }
        return HTTPResponse(status: status)
    }
}

/// Keeps what is logged.
final class FakeLog: Sendable {
    private let state = Mutex<[LogRecord]>([])

    var records: [LogRecord] { state.withLock { $0 } }
    /// A text for each: level, message, then the fields by name.
    var lines: [String] {
        records.map { record in
            let fields = record.fields.map { "\($0.key.rawValue)=\($0.value.text)" }.sorted()
            return (["\(record.level) \(record.message)"] + fields).joined(separator: " ")
        }
    }
    var log: ProgramLog {
        ProgramLog(threshold: .debug) { record in self.state.withLock { $0.append(record) } }
    }
}

/// A secret that a test changes, and that counts its readings; nil cannot be read.
final class FakeParameter: Sendable {
    struct Unreadable: Error {}

    private struct State {
        var value: String?
        var readings = 0
    }

    private let state: Mutex<State>

    init(_ value: String?) { state = Mutex(State(value: value)) }

    var readings: Int { state.withLock(\.readings) }

    func set(_ value: String?) { state.withLock { $0.value = value } }

    func read() throws -> String {
        let value = state.withLock { state in
            state.readings += 1
            return state.value
        }
        guard let value else { throw Unreadable() }
        return value
    }
}
