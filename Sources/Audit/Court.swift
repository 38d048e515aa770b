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
    private var work = Work()
    private var rest = Rests()
    private var shown: [String] = []

    /// How much there was to be judged.
    private struct Counts {
        var agents = 0
        var signals = 0
        var launcherLines = 0
        var departures = 0
        var drains = 0
        var bare = 0
        // Of facts that no line tells.
        var texts = 0
        var rests = 0
        var runs = 0
    }

    /// Jobs by how their agents ended them.
    private struct Work {
        var done = 0
        /// By the tasks' ids: jobs whose agent was gone before.
        var lost: [String] = []
        /// Those that hold one now.
        var open: Set<Job> = []
        var startedAlone = 0
        var failedCalls = 0
        var restarts = 0
    }

    /// What the last sweep of each service found.
    private struct Rests {
        var last: [String: (at: Int64, size: Int, wanted: Int, follows: Bool)] = [:]
        var lastWork: Int64?
    }

    /// - Parameter lines: all of them, for what has to be known before.
    init(_ lines: [ToldLine]) {
        let modes = Set(lines.compactMap { $0.text(.mode) })
        book = RuleBook(isShared: modes.contains("shared"))
    }

    mutating func hear(_ line: ToldLine) {
        if let secret = line.secret {
            shown.append("a line of \(line.program), \(line.event.rawValue), shows \(secret)")
        }
        seeWork(line)
        seeSweep(line)
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

    /// What others saw than those who write lines. Of a task whose begin is in no line it says nothing.
    mutating func hear(_ fact: Fact, at instant: Int) {
        switch fact {
        case .written: counts.texts += 1
        case .rest: counts.rests += 1
        case .runEnded: counts.runs += 1
        default: break
        }
        violations += book.see(fact, at: instant).violations
    }

    private mutating func state(_ fact: Fact, _ line: ToldLine) {
        violations += book.see(fact, at: Int(line.at.milliseconds)).violations
    }

    // MARK: What a line tells

    private mutating func seeWork(_ line: ToldLine) {
        switch line.event {
        case .startedAlone: work.startedAlone += 1
        case .ledgerFailed, .callFailed: work.failedCalls += 1
        case .sidecarStarted where line.flag(.restarted) == true: work.restarts += 1
        case .jobStarted, .jobAnnounced: rest.lastWork = line.at.milliseconds
        case .jobEnded:
            rest.lastWork = line.at.milliseconds
            if (line.number(.code) ?? 0) == 0 {
                work.done += 1
            } else {
                work.lost.append(line.text(.task) ?? "")
            }
        default: break
        }
        guard let job = line.text(.job).flatMap({ Job(key: $0) }) else { return }
        if line.event == .jobStarted { work.open.insert(job) }
        if line.event == .jobEnded { work.open.remove(job) }
    }

    private mutating func seeSweep(_ line: ToldLine) {
        guard line.event == .swept || line.event == .sweptInPart, let size = line.number(.size),
            let wanted = line.number(.wanted)
        else { return }
        let service = "\(line.text(.cluster) ?? "?")/\(line.text(.service) ?? "?")"
        rest.last[service] = (
            at: line.at.milliseconds, size: Int(size), wanted: Int(wanted),
            follows: line.event == .swept && (line.value(.serviceAway) ?? 0) == 0
        )
    }

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
        case .jobStarted, .jobEnded: job(line, task)
        default: break
        }
    }

    private mutating func job(_ line: ToldLine, _ task: TaskID) {
        guard let job = line.text(.job).flatMap({ Job(key: $0) }) else { return }
        if line.event == .jobStarted {
            state(.jobReceived(job, task), line)
            state(.heard(task, .busy), line)
        } else {
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
        var seen = broken.map { "\($0.party) \($0.text)" }
        if rule == .secrets { seen += shown }
        let (verdict, why): (RuleVerdict.Answer, [String]) =
            seen.isEmpty ? basis(of: rule) : (.broken, seen)
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
        // Who was there knows more than lines tell.
        case .runFirst where counts.runs > 0:
            (.held, ["\(counts.runs) runs came to their end"])
        case .rest where counts.rests > 0:
            (.held, ["the service was looked at when all was over, and rested"])
        case .secrets where counts.texts > 0:
            (.held, ["\(counts.texts) lines and items show none that was made for this"])
        case .runFirst: runFirst
        case .rest: atRest
        default: (.cannotTell, [Self.missing(rule)])
        }
    }

    /// A run may lose its agent to many. Without a stop signal it was to nobody of this system, which
    /// has no other means.
    private var runFirst: (RuleVerdict.Answer, [String]) {
        guard counts.launcherLines > 0 else {
            return (.cannotTell, ["there is no line of a launcher: read the agents' log too"])
        }
        guard work.done + work.lost.count > 0 else {
            return (.cannotTell, ["no job was seen to end"])
        }
        guard work.open.isEmpty else {
            return (.cannotTell, ["\(work.open.count) jobs were not seen to end"])
        }
        let signalled = work.lost.count { task in signals.keys.contains { $0.contains(task) } }
        guard signalled == 0 else {
            return (
                .cannotTell,
                [
                    "\(signalled) jobs lost an agent that had a stop signal; no line says whether a "
                        + "person, Spot or ECS stopped its task"
                ]
            )
        }
        var why = ["\(work.done) jobs ended by themselves"]
        if !work.lost.isEmpty {
            why.append("\(work.lost.count) agents ended at work, and nobody had signalled them")
        }
        let troubles = [
            (work.restarts, "sidecars were started again"),
            (work.failedCalls, "calls failed"), (work.startedAlone, "agents started alone"),
        ]
        let told = troubles.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        if !told.isEmpty { why.append("meanwhile " + told.joined(separator: ", ")) }
        return (.held, why)
    }

    /// Sweeps tell both the size and what is asked for, and whether the service follows. What ECS does
    /// between them no line tells.
    private var atRest: (RuleVerdict.Answer, [String]) {
        guard !rest.last.isEmpty else {
            return (.cannotTell, ["there is no line of a sweep: read the endpoint's log too"])
        }
        guard work.open.isEmpty else {
            return (.cannotTell, ["\(work.open.count) jobs were at work at the end"])
        }
        let sweeps = rest.last.sorted { $0.key < $1.key }
        let unrested = sweeps.filter { _, sweep in
            sweep.at < rest.lastWork ?? .min || !sweep.follows || sweep.size != sweep.wanted
        }
        guard unrested.isEmpty else {
            return (
                .cannotTell,
                unrested.map { service, sweep in
                    if sweep.at < rest.lastWork ?? .min {
                        return "the last sweep of \(service) was before its last job"
                    }
                    return "\(service) was not at rest at its last sweep: at \(sweep.size), with "
                        + "\(sweep.wanted) asked for"
                        + (sweep.follows ? "" : ", and the service had not followed")
                }
            )
        }
        return (
            .held,
            sweeps.map { service, sweep in
                "\(service) came to rest at \(sweep.size), which is what was asked for"
            }
        )
    }

    private static func missing(_ rule: Rule) -> String {
        switch rule {
        case .protected, .unknownIsBusy, .nothingLeft: "no sidecar was seen to start an agent"
        case .oneSignal: "there is no line of a launcher: read the agents' log too"
        case .lowering: "no departure lowered the size"
        case .exposed: "no line tells when the service was lowered beside an unprotected agent"
        case .runFirst, .rest: "no line tells"
        case .secrets:
            "no line has the form of a token, of an access key or of a callback URL; a key for HMAC "
                + "has no form to know it by"
        case .noWrongZero:
            "lines tell what moved the service, and not whose ledger that was or whether it was written"
        }
    }
}
