import Decisions

extension Audit {
    /// For a terminal of 80 columns: a line for each job, the pool's times, a line for each rule.
    package var text: String {
        ([head, ""] + jobTable + [""] + timeTable + [""] + findings.flatMap(Self.lines))
            .joined(separator: "\n")
    }

    private var head: String {
        "\(lines) lines of \(tasks) tasks, \(jobs.count) jobs"
            + (unread > 0 ? "; \(unread) lines of others" : "")
    }

    private var jobTable: [String] {
        guard !jobs.isEmpty else { return ["no job"] }
        let rows = jobs.map { story in
            [
                story.job.key, Self.seconds(story.wait), Self.seconds(story.duration),
                story.task.map { String($0.text.prefix(8)) } ?? "-",
                story.isLost ? "its agent was gone before" : story.endedAt == nil ? "-" : "over",
            ]
        }
        return Self.table([["job", "waited", "worked", "task", "end"]] + rows)
    }

    private var timeTable: [String] {
        let rows = PoolTime.allCases.map { time in
            [time.isPart ? "  \(time.word)" : time.word]
                + (times[time].map { times in
                    ["\(times.count)"]
                        + [times.median, times.ninetieth, times.ninetyNinth, times.longest]
                        .map { Self.seconds($0) }
                } ?? ["0", "-", "-", "-", "-"])
        }
        return Self.table([["time", "number", "p50", "p90", "p99", "longest"]] + rows)
    }

    private static func lines(_ finding: RuleVerdict) -> [String] {
        let verdict = finding.verdict.rawValue
        let gap = String(repeating: " ", count: 12 - verdict.count)
        return ["\(verdict)\(gap)rule \(finding.number): \(finding.title)"]
            + finding.why.map { "            \($0)" }
    }

    private static func table(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func seconds(_ time: Double?) -> String {
        guard let time else { return "-" }
        let tenths = Int((time * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
