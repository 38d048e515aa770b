import AgentLink
import AgentLinkServer
import Decisions
import Telemetry

/// What the loop's times are of.
struct LoopClock: Sendable {
    let now: @Sendable () -> Instant
    /// Until then; throws where the task is cancelled before.
    let sleep: @Sendable (Instant) async throws -> Void

    /// This machine's, which begins now.
    static func machine() -> LoopClock {
        let clock = ContinuousClock()
        let origin = clock.now
        return LoopClock(
            now: { Instant(sinceOrigin: origin.duration(to: clock.now)) },
            sleep: { try await clock.sleep(until: origin.advanced(by: $0.sinceOrigin)) }
        )
    }
}

/// Takes what happens, asks ``Retirement``, has its directives performed in order, and feeds
/// each outcome back. Nothing is decided here.
struct SidecarLoop {
    enum Event: Sendable {
        case observation(Observation)
        case link(LinkEvent)
        case stop(signal: Int32)
    }

    private let effects: Effects
    private let journal: Journal
    private let clock: LoopClock
    private let events: AsyncStream<Event>
    private let publish: AsyncStream<Event>.Continuation

    private var retirement: Retirement
    private var meter: LifeMeter
    private var timer: Task<Void, Never>?
    /// When the timer wakes the loop; nil once it has.
    private var timerEnd: Instant?
    private var stops = 0

    init(
        _ settings: Retirement.Settings,
        meter: LifeMeter,
        effects: Effects,
        journal: Journal,
        clock: LoopClock = .machine()
    ) {
        self.meter = meter
        self.effects = effects
        self.journal = journal
        self.clock = clock
        self.retirement = Retirement(settings)
        // Unbounded: each event is the outcome of something asked for, or a line of the link,
        // which is bounded itself. A dropped one would never be repeated.
        (events, publish) = AsyncStream.makeStream(of: Event.self)
    }

    /// Runs until the task is over.
    mutating func run(link: AsyncStream<LinkEvent>, stops: AsyncStream<Int32>) async {
        let publish = publish
        await withDiscardingTaskGroup { group in
            group.addTask { for await event in link { publish.yield(.link(event)) } }
            group.addTask { for await signal in stops { publish.yield(.stop(signal: signal)) } }
            publish.yield(.observation(.woke))
            for await event in events {
                guard let observation = read(event) else { continue }
                let now = clock.now()
                var ended = false
                for record in meter.see(observation, at: now) { journal.say(record) }
                for step in retirement.observe(observation, at: now) {
                    journal.note(step)
                    meter.see(step.directive, at: now)
                    ended = perform(step.directive, in: &group) || ended
                }
                // A second signal is a person who does not want to wait.
                if ended || self.stops > 1 { break }
            }
            timer?.cancel()
            group.cancelAll()
        }
    }

    /// - Returns: true when nothing is left to do.
    private mutating func perform(
        _ directive: Directive,
        in group: inout DiscardingTaskGroup
    ) -> Bool {
        switch directive {
        case .wakeAt(let instant):
            // A sleep that is cancelled keeps its memory until its time, so one that ends before is
            // left: waking early does no harm, and asks for the next time.
            if let timerEnd, timerEnd <= instant { break }
            timerEnd = instant
            timer?.cancel()
            let publish = publish
            let clock = clock
            timer = Task {
                guard (try? await clock.sleep(instant)) != nil else { return }
                publish.yield(.observation(.woke))
            }
        case .end:
            return true
        case .note, .warn, .alarm:
            break
        case .allowAgent:
            if let failure = effects.allowAgent() { publish.yield(.observation(failure)) }
        case .nameAgent: effects.nameAgent()
        case .nameNext(let number): effects.nameNext(number)
        case .drain: effects.drain()
        case .release: effects.release()
        case .hold: effects.hold()
        case .protect, .unprotect, .ledger, .project, .compare, .look, .watch:
            let effects = effects
            let publish = publish
            group.addTask {
                guard let outcome = await effects.perform(directive) else { return }
                publish.yield(.observation(outcome))
            }
        }
        return false
    }

    // MARK: Reading the link

    private mutating func read(_ event: Event) -> Observation? {
        switch event {
        case .observation(let observation):
            if observation == .woke { timerEnd = nil }
            return observation
        case .stop(let signal):
            stops += 1
            journal.say(.stopAsked, "asked to stop", [.signal: .count(Int(signal))])
            return .stopRequested
        case .link(.connected):
            return .linked
        case .link(.disconnected):
            return .unlinked
        case .link(.refusedSecondClient):
            journal.once(.secondClientRefused, "a second client on the link was turned away")
            return nil
        case .link(.malformed(let fault)):
            // Whatever it was meant to say is lost, and silence is no proof of idleness.
            journal.once(.messageMalformed, "a malformed message on the link", "\(fault)")
            return .agent(.unreadable)
        case .link(.message(let message)):
            return read(message)
        }
    }

    private func read(_ message: LauncherMessage) -> Observation? {
        switch message {
        case .hello(let version):
            if version != Link.version {
                journal.once(
                    .linkVersionDiffers,
                    "the launcher speaks another version of the link",
                    "\(version)"
                )
            }
            return nil
        case .status(let line):
            return read(AgentLog.read(line))
        case .unreadable(let bytes):
            journal.once(
                .statusLineTooLong,
                "a status line of the agent is too long to read",
                "\(bytes) bytes"
            )
            return .agent(.unreadable)
        case .stopping: return .agent(.stopping)
        case .drained: return .agent(.drained)
        case .busy(let processes): return .agent(.working(processes: processes))
        case .exited(let code): return .agent(.exited(code: code))
        case .silenced(let level):
            journal.once(
                .logLevelHidesState,
                "the agent's log level hides its state, so that it counts as busy for ever; it "
                    + "must be info or finer",
                level
            )
            return nil
        case .renewed: return .agent(.renewed)
        case .spoiled(let reason): return .agent(.spoiled(reason.rawValue))
        case .ping(let number):
            effects.link.send(.pong(number))
            return nil
        }
    }

    private func read(_ reading: AgentLog.Reading) -> Observation? {
        switch reading {
        case .event(let event): return .agent(event)
        case .otherLogger: return nil
        case .unreadable(let cause):
            // Not the line itself: a forged one could carry what a job keeps secret.
            journal.once(
                .statusLineUnreadable,
                "a status line of the agent cannot be read, since \(cause.rawValue); the agent's "
                    + "own log shows it"
            )
            return .agent(.unreadable)
        }
    }
}
