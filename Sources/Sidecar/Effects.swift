import AWS
import AgentLink
import AgentLinkServer
import Decisions
import Ports
import Synchronization
import Telemetry

/// Performs directives. Each method does one thing and says how it ended; none decides anything.
struct Effects: Sendable {
    let metadata: TaskMetadata
    let agentName: String
    let protectionMinutes: Int
    let announcedJobTimeout: Duration
    let timing: Timing
    /// An earlier sidecar of this task ran, so that its end may be booked.
    let hasPredecessor: Bool

    let store: any LedgerStore
    let service: any ServicePort
    let start: OwnStart
    let projector: Projector
    let protection: TaskProtectionClient
    /// Nil without an API token.
    let terraform: TerraformView?
    let link: LinkServer
    let volume: SharedVolume
    let journal: Journal
    let latest = LatestChange()

    private var task: TaskID { metadata.taskID }

    // MARK: At once

    /// - Returns: that it failed, if it did.
    func allowAgent() -> Observation? {
        do {
            try volume.allowAgent()
            return nil
        } catch {
            return .allowanceFailed("that the agent may start cannot be noted: \(error)")
        }
    }

    /// The name shows in HCP Terraform; with the task's id in it, agent and task are found from
    /// each other.
    func nameAgent() { link.send(.name(agentName)) }

    /// A name of its own, since HCP Terraform sees a new agent. Its number is noted first: a sidecar
    /// that is restarted counts on from it.
    func nameNext(_ number: Int) {
        do {
            try volume.note(agentNumber: number)
        } catch {
            journal.once(.agentsUncounted, "the task's agents are not counted", "\(error)")
        }
        link.send(.next("\(agentName)-\(number)"))
    }

    func drain() { link.send(.drain) }

    func release() { link.send(.release) }

    func hold() { link.send(.hold) }

    // MARK: Over the network

    /// - Returns: how it ended; nil for directives that are not performed here.
    func perform(_ directive: Directive) async -> Observation? {
        switch directive {
        case .protect: .protection(await protect())
        case .unprotect: await unprotect()
        case .ledger(let operation): await change(operation)
        case .project: await project()
        case .compare(let always): .compared(await compare(always: always))
        case .look: .looked(await look())
        case .watch(let agent): .watched(await watch(agent))
        case .allowAgent, .nameAgent, .nameNext, .drain, .release, .hold, .wakeAt, .end, .note,
            .warn, .alarm:
            nil
        }
    }

    private func protect() async -> ProtectionReport {
        await Protector(client: protection, minutes: protectionMinutes, journal: journal).protect()
    }

    private func unprotect() async -> Observation {
        let answer = await protection.unprotect()
        guard answer != .unprotected else { return .unprotected }
        journal.say(
            .protectionNotReturned,
            "giving protection back: \(answer)",
            [.cause: "\(answer)"]
        )
        return .unprotectFailed("\(answer)")
    }

    private func change(_ operation: LedgerOperation) async -> Observation {
        do {
            if let report = try await sayByItself(operation) {
                return .booked(report, sizeChanged: false)
            }
        } catch {
            return .ledgerFailed("\(error)")
        }
        do {
            var finished: Set<Job> = []
            if case .reserve = operation { finished = await finishedJobs() }
            var booking = try await book(operation, live: nil, finished: finished)
            // The service follows a change first; the next turn lists.
            let snapshot = booking.snapshot
            if !snapshot.sizeChanged,
                operation.needsList(
                    after: booking.report,
                    of: task,
                    snapshot.ledger,
                    at: .now(),
                    snapshot.limits
                )
            {
                booking = try await book(operation, live: try await list(), finished: finished)
            }
            return .booked(booking.report, sizeChanged: booking.snapshot.sizeChanged)
        } catch {
            let isUnclear = if case LedgerFailure.unclear = error { true } else { false }
            // What it then follows is whatever the ledger says.
            if isUnclear { latest.forget() }
            return .ledgerFailed("\(error)", sizeMayHaveChanged: isUnclear)
        }
    }

    /// - Returns: nil where one write does not say it.
    private func sayByItself(
        _ operation: LedgerOperation
    ) async throws(LedgerFailure) -> LedgerReport? {
        guard case .report(let job, _, _, _) = operation,
            let write = operation.byItself(of: task, at: .now()),
            case .written(let before) = try await store.write(write)
        else { return nil }
        if let job { tellWait(for: job, before) }
        return .reported(job)
    }

    private struct ListingFailure: Error, CustomStringConvertible {
        let cause: any Error
        var description: String { "ECS does not list the tasks: \(cause)" }
    }

    /// To be read before the ledger is: a task that is younger than the list must not be taken for a
    /// dead one.
    private func list() async throws(ListingFailure) -> Set<TaskID> {
        do {
            return Set(try await service.tasks())
        } catch {
            throw ListingFailure(cause: error)
        }
    }

    /// What came of an operation, and the ledger after it.
    private typealias Booking = (report: LedgerReport, snapshot: LedgerSnapshot)

    private func book(
        _ operation: LedgerOperation,
        live: Set<TaskID>?,
        finished: Set<Job>
    ) async throws(LedgerFailure) -> Booking {
        let (task, hasPredecessor) = (task, hasPredecessor)
        // With a token HCP Terraform is asked instead.
        let patience = terraform == nil ? announcedJobTimeout : nil
        let (answer, snapshot) = try await store.change(knowing: {
            operation.asksDeparted(
                of: task,
                live: live,
                hasPredecessor: hasPredecessor,
                $0
            )
        }) { ledger, limits in
            let size = ledger.size
            let old = operation.job.flatMap { ledger.jobs[$0] }
            let report = ledger.apply(
                operation,
                of: task,
                live: live,
                finished: finished,
                patience: patience,
                at: .now(),
                limits
            )
            return (report: report, before: size, after: ledger.size, job: old)
        }
        if let job = operation.job { tellWait(for: job, answer.job) }
        if answer.before != answer.after { tellSize(answer.before, answer.after) }
        if snapshot.sizeChanged { latest.set(snapshot) }
        return (answer.report, snapshot)
    }

    /// How long a job waited that this task's agent has now, where it was announced.
    ///
    /// - Parameter before: its entry before the agent's was written.
    private func tellWait(for job: Job, _ before: Ledger.JobEntry?) {
        guard let before, before.task == nil else { return }
        let wait = max(.zero, WallTime.now().since(before.at))
        journal.say(
            .jobTaken,
            "\(job) has an agent, and waited for it since it was announced",
            [.job: "\(job)"],
            measuring: [.jobWait: wait.inSeconds]
        )
    }

    private func tellSize(_ before: Int, _ after: Int) {
        journal.say(
            .sizeChanged,
            "this task changed the ledger's size",
            [.sizeBefore: .count(before), .size: .count(after)]
        )
    }

    private func watch(_ agent: String) async -> WatchReport {
        guard let terraform else { return .failed("there is no API token", wait: nil) }
        return await terraform.look(at: agent)
    }

    private func finishedJobs() async -> Set<Job> {
        guard let terraform, let ledger = try? await store.read().ledger,
            let job = await terraform.finishedJob(
                in: ledger,
                patience: announcedJobTimeout,
                at: .now()
            )
        else {
            return []
        }
        journal.say(
            .announcedJobOver,
            "HCP Terraform says that \(job) needs no agent any more",
            [.job: "\(job)"]
        )
        return [job]
    }

    private func project() async -> Observation {
        do {
            switch try await projected().outcome {
            // What is left alone is as it should be.
            case .agreed, .still: return .projected
            case .held(let reason, _): return .projectionFailed("\(reason)")
            }
        } catch {
            return .projectionFailed("\(error)")
        }
    }

    /// After a change of its own it is enough that the service has followed that; else the service
    /// is written whatever is noted in the ledger.
    private func projected() async throws(ProjectionFailure) -> ProjectionOutcome {
        guard let change = latest.change else { return try await projector.project() }
        let outcome = try await projector.follow(
            change.snapshot,
            to: change.move,
            isBooked: false
        )
        latest.hasFollowed(change.move)
        return outcome
    }

    /// A reading of service and ledger. One that is not as it should be counts only if the ledger
    /// has not changed while the service was read: otherwise two moments are compared.
    private func compare(always: Bool) async -> Comparison? {
        do {
            var snapshot = try await store.overview()
            guard snapshot.ledger.isAdopted else {
                // The first to notice begins one that upholds the limits.
                _ = try await store.change { ledger, limits in
                    ledger.uphold(limits, at: .now())
                }
                return nil
            }
            // What every reading of the ledger shows needs no turn.
            let always = always || snapshot.limits.isEnding
            let turns = Comparison.turns(size: snapshot.ledger.size)
            guard always || Int.random(in: 0..<turns) == 0 else { return nil }
            // Whether the ledger tries again by itself depends on what the jobs want.
            if snapshot.ledger.failedStarts != nil { snapshot = try await store.read() }
            let size = snapshot.ledger.size
            let counts = try await service.counts()
            if counts.desired != size || counts.running > size {
                guard try await store.counted().size == size else { return nil }
            }
            return Comparison(
                snapshot.ledger,
                snapshot.limits,
                service: counts.view,
                running: counts.running,
                rollout: await rollout(in: counts),
                trial: timing.handOverPatience,
                at: .now()
            )
        } catch {
            journal.once(
                .comparisonFailed,
                "service and ledger cannot be compared: \(error)"
            )
            return nil
        }
    }
}

extension LedgerOperation {
    /// The job that the agent has now.
    fileprivate var job: Job? {
        if case .report(let job, _, _, _) = self { job } else { nil }
    }
}

/// This sidecar's last change of the ledger's size, until the service has followed it.
final class LatestChange: Sendable {
    struct Change: Sendable {
        let move: Int
        /// The ledger after it, for a moment.
        var snapshot: LedgerSnapshot?
        let at: ContinuousClock.Instant
    }

    private let state = Mutex<Change?>(nil)

    /// An older one might be lower than what others have written since, and writing that to the
    /// service, if only for a moment, would let ECS stop a task that is wanted.
    private static let freshFor: Duration = .seconds(1)

    func set(_ snapshot: LedgerSnapshot) {
        let change = Change(move: snapshot.ledger.moves, snapshot: snapshot, at: .now)
        state.withLock { $0 = change }
    }

    /// With the ledger once, while it is fresh: a projection that failed reads it anew. It books as
    /// before: updates without would be as many as the departures that failed together.
    var change: Change? {
        state.withLock { state in
            guard var change = state else { return nil }
            state?.snapshot = nil
            if change.at.duration(to: .now) >= Self.freshFor { change.snapshot = nil }
            return change
        }
    }

    func hasFollowed(_ move: Int) {
        state.withLock { if $0?.move == move { $0 = nil } }
    }

    func forget() { state.withLock { $0 = nil } }
}
