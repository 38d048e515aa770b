import AgentLink
import Decisions
import Model

/// What one rehearsal comes to, in numbers that can be held against those of another mode.
struct PlayFigures: Equatable, Sendable {
    var mode: AgentMode
    var boots: Int
    var planWaits: [Milliseconds]
    var applyWaits: [Milliseconds]
    /// How long agents lived, all together, and worked.
    var alive: Milliseconds
    var busy: Milliseconds
    var renewals: Int
    var spoiled: Int
    /// Jobs that found what an earlier one had left.
    var finds: Int
    var holds: Bool

    /// The share of their time that agents worked, in per cent.
    var busyShare: Int { alive > 0 ? busy * 100 / alive : 0 }

    /// Half of them waited no longer, and none longer than the second.
    static func told(_ waits: [Milliseconds]) -> String {
        let sorted = waits.sorted()
        guard let longest = sorted.last else { return "-" }
        let half = sorted[(sorted.count - 1) / 2]
        return "\(seconds(half)), \(seconds(longest))"
    }

    fileprivate static func seconds(_ time: Milliseconds) -> String {
        tenths(Double(time) / 1000) + " s"
    }
}

extension PlayFigures {
    /// Of all pools of a rehearsal together.
    init(_ pools: [PlayFigures]) {
        self = pools[0]
        for other in pools.dropFirst() {
            boots += other.boots
            planWaits += other.planWaits
            applyWaits += other.applyWaits
            alive += other.alive
            busy += other.busy
            renewals += other.renewals
            spoiled += other.spoiled
            finds += other.finds
            holds = holds && other.holds
        }
    }

    /// Modes side by side.
    static func table(_ all: [PlayFigures], _ paint: Paint) -> String {
        let head = [
            "mode", "boots", "plans waited", "applies waited", "agents lived", "busy", "renewals",
            "spoiled", "jobs that found something", "rules",
        ]
        let rows = all.map { figures in
            [
                figures.mode.rawValue, "\(figures.boots)", told(figures.planWaits),
                told(figures.applyWaits), seconds(figures.alive), "\(figures.busyShare) %",
                "\(figures.renewals)", "\(figures.spoiled)", "\(figures.finds)",
                figures.holds ? "hold" : "BROKEN",
            ]
        }
        let lines = columns([head] + rows)
        return
            ([paint.bold(lines[0])] + lines.dropFirst()
            + ["", "Waits: half of them no longer, and the longest."]).joined(separator: "\n")
    }
}

/// Rows with each column as wide as its widest cell.
func columns(_ rows: [[String]]) -> [String] {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        zip(row, widths).map { padded($0, $1) }.joined(separator: "  ")
    }
}
