import AWS
package import Decisions
import Ports

extension PoolStatus {
    /// Departures that are shown; ECS knows those of an hour, which may be hundreds.
    static let shownDepartures = 8
    static let shownStarts = 5

    /// As a person is shown it.
    package var page: Page {
        Page(
            title: "\(place.cluster)/\(place.service)",
            aside: at.text,
            parts: [
                .facts(facts),
                .notes(concerns.map { Page.Cell("\($0)", $0.tone) }),
                .table(
                    head: ["TASK", "STATE", "AGENT", "SINCE", "REV", "JOB"],
                    rows: agents.map(row)
                ),
                .table(head: ["WAITING", "FOR", "WHY"], rows: waiting.map(row)),
                .table(
                    head: ["STARTED", "CONNECTED", "PULL BEGAN", "PULLED", "RAN"],
                    rows: boots.prefix(Self.shownBoots).map(row)
                ),
                .table(
                    head: ["DEPARTED", "AGO", "HOW"],
                    rows: departures.prefix(Self.shownDepartures).map(row)
                ),
                .table(
                    head: ["START FAILED", "AGO", "WHY"],
                    rows: failedStarts.prefix(Self.shownStarts).map(row)
                ),
                .notes(unknown.map { Page.Cell("cannot tell: \($0)", .doubtful) }),
            ]
        )
    }

    private var facts: [Page.Fact] {
        var facts: [Page.Fact] = []
        if let ledger {
            facts.append(Page.Fact("limits", ledger.limits.sentence))
            facts.append(Page.Fact("size", ledger.sizeSentence))
        }
        if let service {
            let counts = service.counts
            let sentence =
                "\(counts.status): desired \(counts.desired), running \(counts.running), "
                + "pending \(counts.pending)"
            facts.append(Page.Fact("service", sentence, counts.isActive ? .plain : .bad))
            facts += service.deployments.map { deployment in
                Page.Fact(
                    deployment.view.isPrimary ? "newest" : "older",
                    deployment.sentence,
                    deployment.view.state == .failed ? .bad : .plain
                )
            }
        }
        return facts
    }

    private func ago(_ time: WallTime?) -> Page.Cell {
        Page.Cell(time.map { at.since($0).shortText } ?? "?")
    }

    private func row(_ agent: Agent) -> [Page.Cell] {
        [
            Page.Cell(agent.task.shortText),
            Page.Cell(agent.state ?? "?"),
            Page.Cell(agent.work.word, agent.isExposed ? .bad : agent.work.tone),
            ago(agent.since),
            Page.Cell(agent.definition?.split(separator: ":").last.map(String.init) ?? "?"),
            Page.Cell((agent.work.job?.key ?? "") + (agent.isExposed ? " (unprotected)" : "")),
        ]
    }

    private func row(_ waiting: WaitingJob) -> [Page.Cell] {
        [
            Page.Cell(waiting.job.key), ago(waiting.since),
            Page.Cell("\(waiting.reason)", waiting.reason.tone),
        ]
    }

    private func row(_ boot: Boot) -> [Page.Cell] {
        [Page.Cell(boot.task.shortText)]
            + [boot.connected, boot.asked, boot.pulled, boot.ran].map { part in
                Page.Cell(part.map { "+ \($0.tenthsText)" } ?? "-")
            }
    }

    private func row(_ departure: Departure) -> [Page.Cell] {
        let isGood = departure.kind != nil && (departure.exitCode ?? 0) == 0
        return [
            Page.Cell(departure.task.shortText), ago(departure.at),
            Page.Cell(departure.sentence, isGood ? .plain : .doubtful),
        ]
    }

    private func row(_ start: FailedStart) -> [Page.Cell] {
        [
            Page.Cell(start.task?.shortText ?? "(no task)"), ago(start.at),
            Page.Cell(start.reason, .bad),
        ]
    }
}

extension Duration {
    /// In seconds with one decimal, such as `9.3 s`.
    fileprivate var tenthsText: String {
        let tenths = Int((self / .milliseconds(100)).rounded())
        return "\(tenths / 10).\(abs(tenths % 10)) s"
    }
}

extension Concern {
    fileprivate var tone: Page.Tone {
        switch self {
        case .exposed, .startsFail, .deploymentFails, .agentsEnd: .bad
        default: .doubtful
        }
    }
}

extension WaitReason {
    fileprivate var tone: Page.Tone {
        switch self {
        case .agentIsThere, .agentStarts, .notBegun: .plain
        case .atMaximum, .notFollowed, .startsPause, .notTaken, .unknown: .doubtful
        case .startsFail, .limitsEnd, .serviceEnds: .bad
        }
    }
}

extension PoolStatus.Work {
    /// One word or two.
    package var word: String {
        switch self {
        case .starts: "starts"
        case .job: "works"
        case .noJob: "no job"
        case .leaves: "leaves"
        case .unknown: "?"
        }
    }

    fileprivate var tone: Page.Tone {
        switch self {
        case .job: .good
        case .starts, .noJob, .leaves: .plain
        case .unknown: .doubtful
        }
    }

    package var job: Job? { if case .job(let job) = self { job } else { nil } }
}

extension PoolStatus.Departure {
    /// How it left, and what ECS says.
    package var sentence: String {
        let booked =
            switch kind {
            case .retired: "retired: the service shrank by one"
            case .strayed: "strayed: one more than the service counted"
            case .recycled: "recycled: ECS starts a fresh one"
            case nil: "not booked"
            }
        let code = exitCode.map { ["agent exit code \($0)"] } ?? []
        let outside = stopCode == "EssentialContainerExited" ? nil : reason ?? stopCode
        return ([booked] + code + [outside].compactMap(\.self)).joined(separator: "; ")
    }
}

extension Limits {
    fileprivate var sentence: String {
        "desired \(desiredCount), max \(maxCount), spare \(spareCount)"
    }
}

extension LedgerSnapshot {
    fileprivate var sizeSentence: String {
        let waiting = ledger.jobs.count - ledger.busy
        var parts = ["\(ledger.busy) work", "\(waiting) wait"]
        if !ledger.leaving.isEmpty { parts.append("\(ledger.leaving.count) leave") }
        return "\(ledger.size), and \(ledger.want(limits)) wanted: " + parts.joined(separator: ", ")
    }
}

extension DeploymentDescription {
    fileprivate var sentence: String {
        var parts = [definition ?? "?", view.state?.rawValue ?? "no state"]
        parts.append("\(view.running) running, \(view.pending) pending")
        if view.failed > 0 { parts.append("\(view.failed) failed in a row") }
        return parts.joined(separator: ", ")
    }
}
