import AWS
import AgentLink
import AgentLinkServer
import Curl
import Daemon
import Decisions
import FoundationEssentials
import Glibc
import InMemoryPorts
import Peers
import Ports
import Synchronization
import Telemetry
import Testing

@testable import Sidecar

/// What a sidecar keeps of time that has passed and of jobs that are over. Loop, mind, effects and journal
/// are those that ship; minutes pass as soon as everything of the last one has happened. What
/// libcurl keeps is measured with the program itself (`Tests/bench --growth`).
@Suite("Growth of the sidecar")
struct GrowthTests {
    private static let minutes = 10_000

    @Test(
        "ten thousand minutes with a job in each leave nothing behind, and cost the same to the end",
        .unsanitized
    )
    func flat() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "growth-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = try LinkServer(directory: folder.path)
        defer { server.stop() }
        let clock = MovedClock()
        let limits = try #require(Limits(desiredCount: 1, maxCount: 1, spareCount: 0))
        let store = InMemoryLedgerStore(Ledger(version: 1, size: 1), limits)
        let (link, launcher) = AsyncStream.makeStream(of: LinkEvent.self)
        let (stops, stop) = AsyncStream.makeStream(of: Int32.self)
        let lines = Mutex<[EventName: Int]>([:])
        let log = ProgramLog(threshold: .debug) { record in
            lines.withLock { $0[record.event, default: 0] += 1 }
        }
        var settings = Retirement.Settings()
        // Shorter than a minute: after each job the ledger is asked whether the agent may leave.
        settings.idleTimeout = .seconds(20)
        var loop = SidecarLoop(
            settings,
            meter: LifeMeter(.init(), restarted: false),
            effects: Self.effects(store, server, folder.path, Journal(log)),
            journal: Journal(log),
            clock: clock.clock
        )
        let running = Task { await loop.run(link: link, stops: stops) }
        launcher.yield(.connected)
        launcher.yield(.message(.hello(version: Link.version)))
        launcher.yield(.message(.status(Self.waiting)))
        var used: [Used] = []
        for minute in 1...Self.minutes {
            let job = try #require(Job(key: "run-\(minute)/plan"))
            launcher.yield(.message(.status(Self.received(job))))
            try await Self.until { try await store.read().ledger.jobs[job] != nil }
            launcher.yield(.message(.status(Self.waiting)))
            try await Self.until { try await store.read().ledger.jobs[job] == nil }
            for _ in 0..<6 { await clock.advance(by: .seconds(10)) }
            if minute.isMultiple(of: 1_000) { used.append(try Used()) }
        }
        stop.yield(SIGTERM)
        stop.yield(SIGTERM)
        await running.value
        let said = lines.withLock { $0 }
        #expect(said[.jobStarted] == Self.minutes)
        for (event, least) in [
            (.leaveAsked, Self.minutes / 2), (.comparisonAsked, Self.minutes / 2),
            (.protectionGranted, Self.minutes / 60),
        ] as [(EventName, Int)] {
            #expect(said[event] ?? 0 >= least, "\(event.rawValue)")
        }
        let (early, late) = try (#require(used.first), #require(used.last))
        print("anonymous memory in kB: \(early.anonymous) after 1,000 minutes, \(late.anonymous)")
        #expect(late.anonymous - early.anonymous < 1_024)
        // Other work on the machine adds to some of them, and takes nothing from any.
        let each = zip(used.dropFirst(), used).map { $0.seconds - $1.seconds }
        let first = try #require(each.prefix(4).min())
        let last = try #require(each.suffix(4).min())
        print("processor time of a thousand: \(first) s of the first ones, \(last) s of the last")
        #expect(last < 2 * first)
    }

    private static let waiting = #"{"@module":"core","@message":"Waiting for next job"}"#

    private static func received(_ job: Job) -> String {
        #"{"@module":"core","@message":"Job received","job_id":"\#(job.id)","#
            + #""job_type":"\#(job.type)"}"#
    }

    private static func until(_ holds: () async throws -> Bool) async throws {
        while try await !holds() { await Task.yield() }
    }

    private static func effects(
        _ store: any LedgerStore,
        _ link: LinkServer,
        _ folder: String,
        _ journal: Journal
    ) -> Effects {
        let arn = "arn:aws:ecs:eu-central-1:123456789012:task/agents/abc"
        let service = RestingService()
        let metadata = TaskMetadata(
            cluster: "agents",
            taskARN: arn,
            serviceName: "pool",
            family: "pool",
            revision: "1"
        )
        return Effects(
            metadata: metadata,
            agentName: "pool-abc",
            protectionMinutes: 120,
            announcedJobTimeout: .seconds(600),
            timing: .shipped,
            hasPredecessor: false,
            store: store,
            service: service,
            start: OwnStart { TaskStart(deployment: nil, createdAt: nil) },
            projector: Projector(store, service),
            protection: TaskProtectionClient(
                uri: "http://127.0.0.1",
                task: metadata.taskID,
                http: GrantingAgent(arn: arn)
            ),
            terraform: nil,
            link: link,
            volume: SharedVolume(directory: folder),
            journal: journal
        )
    }

    /// What this process holds and has used.
    private struct Used {
        /// In kB.
        let anonymous: Int
        let seconds: Double

        init() throws {
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let line = try #require(
                status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
            )
            anonymous = try #require(line.split(separator: " ").compactMap { Int($0) }.first)
            var time = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            seconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
        }
    }

    /// A service of one task that nobody changes, and that keeps no record of who asked.
    private struct RestingService: ServicePort {
        private let resting = ServiceCounts(desired: 1, running: 1, pending: 0)

        func setDesiredCount(_ count: Int) async throws(ServiceFailure) -> ServiceCounts {
            Issue.record("nothing changes the size, and yet the service is set to \(count)")
            return resting
        }

        func counts() async throws(ServiceFailure) -> ServiceCounts { resting }
        func tasks() async throws(ServiceFailure) -> [TaskID] { [TaskID("abc")] }
    }

    /// The container agent, which grants every protection.
    private struct GrantingAgent: HTTPClient {
        let arn: String

        func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
            let until = Date.now.addingTimeInterval(7_200).formatted(.iso8601)
            let body =
                #"{"protection":{"ProtectionEnabled":true,"ExpirationDate":"\#(until)","#
                + #""TaskArn":"\#(arn)"}}"#
            return HTTPResponse(status: 200, body: Array(body.utf8))
        }
    }
}

/// Time that passes when it is told to.
private final class MovedClock: Sendable {
    private struct Sleeper {
        let until: Instant
        let wake: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant.origin
        var number = 0
        var sleepers: [Int: Sleeper] = [:]
        /// Cancelled before they slept.
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    var clock: LoopClock {
        LoopClock(
            now: { [self] in state.withLock { $0.now } },
            sleep: { [self] in try await sleep(until: $0) }
        )
    }

    func advance(by duration: Duration) async {
        let due = state.withLock { state in
            state.now = state.now + duration
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for number in due.keys { state.sleepers[number] = nil }
            return due.values.map(\.wake)
        }
        for wake in due { wake.resume() }
        // Everybody takes a turn or two before more time passes.
        for _ in 0..<40 { await Task.yield() }
    }

    private func sleep(until instant: Instant) async throws {
        let number = state.withLock { state in
            state.number += 1
            return state.number
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { wake in
                let (isOver, isCancelled) = state.withLock { state in
                    if state.cancelled.remove(number) != nil { return (true, true) }
                    if instant <= state.now { return (true, false) }
                    state.sleepers[number] = Sleeper(until: instant, wake: wake)
                    return (false, false)
                }
                guard isOver else { return }
                if isCancelled {
                    wake.resume(throwing: CancellationError())
                } else {
                    wake.resume()
                }
            }
        } onCancel: {
            let sleeper = state.withLock { state -> Sleeper? in
                guard let sleeper = state.sleepers.removeValue(forKey: number) else {
                    state.cancelled.insert(number)
                    return nil
                }
                return sleeper
            }
            sleeper?.wake.resume(throwing: CancellationError())
        }
    }
}
