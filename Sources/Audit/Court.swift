import Decisions
import Rules
import Telemetry

/// States what lines tell as facts to the rule book, and says of each rule what that comes to.
struct Court {
    private var book: RuleBook
    private var violations: [Violation] = []
    /// Tasks whose life is told from its begin: of others nobody knows what went before.
    private(set) var tasksSeen: Set<TaskID> = []
    private var exposed: Set<TaskID> = []
    private var size = 0
    private var version = 0
    private var signals: [String: Int] = [:]
    private var counts = Counts()

    /// How much there was to be judged.
    private struct Counts {
        var agents = 0
        var signals = 0
        var launcherLines = 0
        var departures = 0
        var drains = 0
        var lost = 0
        var bare = 0
    }

    /// - Parameter lines: all of them, for what has to be known before.
    init(_ lines: [ToldLine]) {
        let modes = Set(lines.compactMap { $0.text(.mode) })
        book = RuleBook(isShared: modes.contains("shared"))
    }

    mutating func hear(_ line: ToldLine) {
        if line.program == "agent-launcher" {
            counts.launcherLines += 1
            return launcher(line)
        }
        guard let name = line.text(.task), line.program == "agent-sidecar" else { return }
        let task = TaskID(name)
        if line.event == .sidecarStarted, line.flag(.restarted) == false {
            tasksSeen.insert(task)
            state(.taskStarted(task), line)
        }
        guard tasksSeen.contains(task) else { return }
        agent(line, task)
        ledger(line, task)
    }

    private mutating func state(_ fact: Fact, _ line: ToldLine) {
        violations += book.see(fact, at: Int(line.at.milliseconds)).violations
    }

    // MARK: What a line tells

    /// The launcher knows its agent's name, which begins with the task's.
    private mutating func launcher(_ line: ToldLine) {
        guard line.event == .stopSignalGiven, let agent = line.text(.agent) else { return }
        counts.signals += 1
        signals[agent, default: 0] += 1
        guard let task = tasksSeen.first(where: { agent.contains($0.text) }) else { return }
        state(.stopSignal(task, count: signals[agent] ?? 1), line)
    }

    private mutating func agent(_ line: ToldLine, _ task: TaskID) {
        switch line.event {
        case .sidecarStarted: state(.sidecarStarted(task), line)
        case .sidecarEnded: state(.sidecarEnded(task), line)
        case .protectionGranted:
            let length = Int((line.number(.seconds) ?? 0) * 1_000)
            state(.protected(task, until: Int(line.at.milliseconds) + length), line)
        case .protectionReturned: state(.unprotected(task), line)
        case .agentNamed:
            counts.agents += 1
            state(.agentStarted(task), line)
        case .agentReady, .agentWaits: state(.heard(task, .idle), line)
        case .launcherLost, .statusUnreadable: state(.heard(task, .unknown), line)
        case .agentUnknown: state(.unknownReported(task), line)
        case .leaveAsked: state(.reserveAsked(task), line)
        case .agentDrained:
            counts.drains += 1
            state(.drainAsked(task), line)
        case .agentExited: state(.agentEnded(task), line)
        case .containerRenewed: state(.renewed(task), line)
        case .jobStarted, .jobEnded: work(line, task)
        default: break
        }
    }

    private mutating func work(_ line: ToldLine, _ task: TaskID) {
        guard let job = line.text(.job).flatMap({ Job(key: $0) }) else { return }
        if line.event == .jobStarted {
            state(.jobReceived(job, task), line)
            state(.heard(task, .busy), line)
        } else {
            if let code = line.number(.code), code != 0 { counts.lost += 1 }
            state(.jobEnded(job, task), line)
            if line.number(.code) == nil { state(.heard(task, .idle), line) }
        }
    }

    private mutating func ledger(_ line: ToldLine, _ task: TaskID) {
        switch line.event {
        case .exposureReported:
            counts.bare += 1
            exposed.insert(task)
            state(.exposing(task), line)
        case .exposureWithdrawn: exposed.remove(task)
        case .sizeChanged:
            guard let before = line.number(.sizeBefore), let after = line.number(.size) else {
                return
            }
            counts.departures += after < before ? 1 : 0
            write(line, task, (Int(before), Int(after)), departs: after < before)
        case .departed where line.text(.reasonName) == Departure.strayed.name,
            .departed where line.text(.reasonName) == Departure.recycles(.holdsJob).name:
            write(line, task, (size, size), departs: true)
        default: break
        }
    }

    private mutating func write(
        _ line: ToldLine,
        _ task: TaskID,
        _ sizes: (from: Int, to: Int),
        departs: Bool
    ) {
        size = sizes.to
        version += 1
        let write = CountedWrite(
            by: task,
            versions: .init(version - 1, version),
            sizes: .init(sizes.from, sizes.to),
            departures: departs ? [task] : [],
            exposed: exposed
        )
        state(.ledgerWritten(write), line)
    }
}

extension Court {
    // MARK: The verdict

    var findings: [RuleVerdict] { Rule.allCases.map(finding) }

    private func finding(_ rule: Rule) -> RuleVerdict {
        let broken = violations.filter { $0.rule == rule }
        let (verdict, why): (RuleVerdict.Answer, [String]) =
            if broken.isEmpty {
                basis(of: rule)
            } else {
                (.broken, broken.map { "\($0.party) \($0.text)" })
            }
        return RuleVerdict(number: rule.number, title: rule.title, verdict: verdict, why: why)
    }

    /// Why a rule that nothing is seen to break was held, or why nobody can tell.
    private func basis(of rule: Rule) -> (RuleVerdict.Answer, [String]) {
        switch rule {
        case .protected where counts.agents > 0:
            (.held, ["\(counts.agents) agents were protected from before their start to their end"])
        case .oneSignal where counts.launcherLines > 0:
            (.held, ["stop signals: \(counts.signals), none of them an agent's second"])
        case .lowering where counts.departures > 0:
            (
                .held,
                ["\(counts.departures) departures lowered the size, each by one, after its agent"]
            )
        case .exposed where counts.agents > 0 && counts.bare == 0:
            (.held, ["no agent ran unprotected"])
        case .unknownIsBusy where counts.agents > 0:
            (.held, ["agents were drained \(counts.drains) times, each when it was heard to wait"])
        case .nothingLeft where counts.agents > 0:
            (.held, ["no container had two jobs, but where it was renewed or is shared"])
        case .runFirst where counts.lost > 0:
            (.cannotTell, ["\(counts.lost) jobs lost their agent; the lines do not say to whom"])
        default: (.cannotTell, [Self.missing(rule)])
        }
    }

    private static func missing(_ rule: Rule) -> String {
        switch rule {
        case .protected, .unknownIsBusy, .nothingLeft: "no sidecar was seen to start an agent"
        case .oneSignal: "there is no line of a launcher: read the agents' log too"
        case .runFirst: "no line tells how a run would have gone otherwise"
        case .lowering: "no departure lowered the size"
        case .exposed: "no line tells when the service was lowered beside an unprotected agent"
        case .rest: "no line tells the service's counts at rest: ask for the status"
        case .secrets: "what is secret is not known here"
        case .noWrongZero: "no line tells whose ledger the service followed"
        }
    }
}
