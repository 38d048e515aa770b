import AgentLink
import Decisions

/// A scene in which something never happened has shown nothing of it. So each says which kinds of
/// step, phase and report do not occur in it, and every other one must.
extension Explorer {
    /// Everything that can occur in some scene.
    static let all: [String] =
        Step.Kind.allCases.map { "step \($0)" } + phases.map { "phase \($0)" } + reports
        + ["launcher waits", "launcher runs", "launcher holds"]

    private static let phases: [Retirement.Phase.Name] = [
        .working, .reserving, .draining, .departing, .unprotecting, .looking, .projecting,
        .released,
    ]

    private static let reports: [String] = [
        "report job", "report no job", "report granted surplus", "report granted stray",
        "report refused", "report rejoined", "report retired",
        "report strayed", "report recycles", "report booked before", "report exposed",
        "report covered",
    ]

    var occurred: Set<String> {
        var occurred = Set(seen.kinds.map { "step \($0)" })
        for mind in machine.minds.values { occurred.insert("phase \(mind.phase.name)") }
        for case .booked(let report, _) in machine.observations.values {
            occurred.insert("report \(Self.word(report))")
        }
        for life in machine.lives.values {
            if life.isWaiting { occurred.insert("launcher waits") }
            if life.isRunning { occurred.insert("launcher runs") }
            if life.hasEnded { occurred.insert("launcher holds") }
        }
        return occurred
    }

    private static func word(_ report: LedgerReport) -> String {
        switch report {
        case .reported(let job): job == nil ? "no job" : "job"
        case .reserve(.granted(let kind)): "granted \(kind)"
        case .reserve(.refused): "refused"
        case .rejoined: "rejoined"
        case .departure(.retired): "retired"
        case .departure(.strayed): "strayed"
        case .departure(.recycles): "recycles"
        case .departure(.bookedBefore): "booked before"
        case .exposed: "exposed"
        case .covered: "covered"
        }
    }

    /// What must occur in this scene and did not, and what did though the scene says otherwise.
    func missing() -> [String] {
        let occurred = occurred
        return Self.all.filter { !occurred.contains($0) && !scene.absent.contains($0) }
            + scene.absent.filter { occurred.contains($0) }.map { "\($0) (it did)" }
    }
}

extension Scene {
    /// Everything of which a scene must show that it occurs, or say that it does not.
    package static let occurrences = Explorer.all

    /// Kinds of step, phase and report that do not occur in it.
    package var absent: [String] {
        (Self.absences[name] ?? "").split(separator: ",").map { words in
            words.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
        }
    }

    /// What occurs in it.
    package var present: Set<String> { Set(Self.occurrences).subtracting(absent) }
}
