import Model

/// A user's own runs, read from a file.
///
///     time,plan_seconds,approval_seconds,apply_seconds,outcome
///     2026-11-23T08:01:12Z,74.2,310,95,applied
///
/// `time` is when the run was created: ISO 8601 with `Z` or an offset, or seconds from any origin.
/// A duration that does not apply to the outcome may be empty. A sixth column `workspace`, of any
/// names, may follow.
package struct Trace: Sendable, Equatable {
    package let runs: [RunPlan]

    package static let header = "time,plan_seconds,approval_seconds,apply_seconds,outcome"
    private static let workspace = "workspace"
    /// More would take gigabytes; a year of a busy organization has fewer.
    package static let mostRuns = 2_000_000
    /// Longer than any run may take (a week).
    private static let longest: Milliseconds = 7 * 24 * 3_600_000

    /// - Throws: ``TraceFault`` for the first line that cannot be used.
    package init(csv text: String) throws(TraceFault) {
        var lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        if lines.last?.isEmpty ?? false { lines.removeLast() }
        guard var first = lines.first.map({ String($0) }) else {
            throw TraceFault(line: 1, reason: "the file is empty; expected \(Self.header)")
        }
        // A byte order mark, as spreadsheets write it.
        if first.hasPrefix("\u{feff}") { first.removeFirst() }
        let names = Self.fields(Substring(first)).joined(separator: ",")
        let hasWorkspaces = names == Self.header + "," + Self.workspace
        guard names == Self.header || hasWorkspaces else {
            throw TraceFault(
                line: 1,
                reason: "the columns are \"\(names.prefix(80))\"; expected \"\(Self.header)\""
            )
        }
        var runs: [RunPlan] = []
        var origin: Milliseconds?
        var workspaces: [String: Int] = [:]
        var last: (at: Milliseconds, line: Int)?
        for (index, line) in lines.enumerated().dropFirst() {
            let number = index + 1
            let (time, plan, workspace) = try Self.run(line, number, hasWorkspaces ? 6 : 5)
            if let last, time < last.at {
                throw TraceFault(
                    line: number,
                    reason: "its time is before that of line \(last.line); sort the file by time"
                )
            }
            last = (time, number)
            let start = origin ?? time
            origin = start
            guard runs.count < Self.mostRuns else {
                throw TraceFault(line: number, reason: "more than \(Self.mostRuns) runs")
            }
            var placed = plan
            placed.at = time - start + 60_000
            placed.workspace = workspaces[workspace] ?? workspaces.count
            workspaces[workspace] = placed.workspace
            runs.append(placed)
        }
        guard !runs.isEmpty else {
            throw TraceFault(line: 1, reason: "there are no runs below the columns")
        }
        self.runs = runs
    }

    private static func run(
        _ line: Substring,
        _ number: Int,
        _ columns: Int
    ) throws(TraceFault) -> (time: Milliseconds, plan: RunPlan, workspace: String) {
        guard line.contains(where: { $0 != " " && $0 != "," }) else {
            throw TraceFault(line: number, reason: "the row is empty")
        }
        let fields = fields(line)
        guard fields.count == columns else {
            throw TraceFault(
                line: number,
                reason: "\(fields.count) columns where \(columns) are expected"
            )
        }
        guard let time = moment(fields[0]) else {
            throw TraceFault(
                line: number,
                reason: "time is \"\(fields[0].prefix(40))\"; expected ISO 8601, for example "
                    + "2026-11-23T08:01:12Z, or seconds"
            )
        }
        guard let outcome = RunOutcome(rawValue: fields[4]) else {
            let known = RunOutcome.allCases.map(\.rawValue).joined(separator: ", ")
            throw TraceFault(
                line: number,
                reason: "outcome is \"\(fields[4].prefix(40))\"; expected one of \(known)"
            )
        }
        let applies = outcome == .applied || outcome == .applyErrored
        let waits = applies || outcome == .discarded
        let plan = RunPlan(
            at: 0,
            plan: try duration(fields[1], "plan_seconds", number, isNeeded: true),
            approval: try duration(fields[2], "approval_seconds", number, isNeeded: waits),
            apply: try duration(fields[3], "apply_seconds", number, isNeeded: applies),
            outcome: outcome
        )
        return (time, plan, columns > 5 ? fields[5] : "")
    }

    private static func duration(
        _ text: String,
        _ name: String,
        _ line: Int,
        isNeeded: Bool
    ) throws(TraceFault) -> Milliseconds {
        if text.isEmpty, !isNeeded { return 0 }
        guard let value = milliseconds(text), (0...longest).contains(value) else {
            let shown = text.isEmpty ? "empty" : "\"\(text.prefix(40))\""
            throw TraceFault(
                line: line,
                reason: "\(name) is \(shown); expected seconds from 0 to \(longest / 1_000)"
            )
        }
        return max(1, value)
    }

    private static func milliseconds(_ text: String) -> Milliseconds? {
        guard text.utf8.allSatisfy({ $0 == 0x2e || (0x30...0x39).contains($0) }),
            let seconds = Double(text), seconds < 1e12
        else { return nil }
        return Int((seconds * 1_000).rounded())
    }

    private static func moment(_ text: String) -> Milliseconds? {
        milliseconds(text) ?? ISOTime.milliseconds(text)
    }

    /// Splits at commas; a field may stand in quotes.
    private static func fields(_ line: Substring) -> [String] {
        line.split(separator: ",", omittingEmptySubsequences: false).map { field in
            var field = field
            while field.first == " " { field.removeFirst() }
            while field.last == " " || field.last == "\r" { field.removeLast() }
            if field.count >= 2, field.first == "\"", field.last == "\"" {
                field = field.dropFirst().dropLast()
            }
            return String(field)
        }
    }

    /// The runs as a workload.
    package var workload: any Workload { PlannedRuns(runs: runs) }
}

/// Why a trace is refused.
package struct TraceFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// 1 is the first.
    package let line: Int
    package let reason: String
    package var description: String { "line \(line): \(reason)" }
}

/// Runs that are known beforehand, in order.
struct PlannedRuns: Workload {
    let runs: [RunPlan]
    var index = 0

    mutating func next() -> RunPlan? {
        guard index < runs.count else { return nil }
        defer { index += 1 }
        return runs[index]
    }
}
