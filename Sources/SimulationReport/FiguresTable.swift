package import Simulation

/// The policies' figures, a row for each.
package struct FiguresTable: Sendable {
    /// What a column is and in which direction it is better.
    package struct Column: Sendable {
        package let title: String
        package let note: String
    }

    package static let columns = [
        Column(title: "policy", note: ""),
        Column(title: "jobs", note: "plans and applies that an agent took"),
        Column(title: "killed", note: "agents ended while they held a job"),
        Column(title: "lost runs", note: "runs that failed for that"),
        Column(title: "wait p50", note: "from wanting an agent to having one"),
        Column(title: "p95", note: "the wait that 95 of 100 jobs do not exceed"),
        Column(title: "max", note: "the longest wait"),
        Column(title: "boots/job", note: "tasks started for each job"),
        Column(title: "agent-hours", note: "time of tasks, starting and stopping included"),
        Column(title: "idle", note: "share of it without a job"),
        Column(title: "cost/run", note: "with the prices below"),
        Column(title: "calls/job", note: "API calls of the policy, agents' own not counted"),
        Column(title: "left", note: "agents above desired_count 2 h after the last run"),
    ]

    package let rows: [[String]]
    package let kinds: [PolicyKind]

    package init(_ figures: [Figures], _ prices: Prices) {
        kinds = figures.map(\.policy)
        rows = figures.map { entry in
            [
                entry.policy.rawValue,
                Numbers.whole(entry.jobs),
                Numbers.whole(entry.killedBusy),
                Numbers.whole(entry.lostRuns),
                Numbers.time(entry.waits.quantile(thousandths: 500)),
                Numbers.time(entry.waits.quantile(thousandths: 950)),
                Numbers.time(entry.waits.longest),
                Numbers.fixed(entry.bootsPerJob, 2),
                Numbers.fixed(entry.agentHours, 0),
                Numbers.percent(entry.idleShare),
                Numbers.dollars(entry.costPerRun(prices)),
                Numbers.fixed(entry.callsPerJob, 1),
                Numbers.fixed(Double(entry.leftRunning) / Double(max(1, entry.worlds)), 1),
            ]
        }
    }

    /// For a terminal: numbers to the right.
    package var text: String {
        TextTable([Self.columns.map(\.title)] + rows, leading: 1).text
    }
}

/// Lines of cells for a terminal, each column as wide as its widest cell.
package struct TextTable: Sendable {
    private let lines: [[String]]
    private let leading: Int

    /// - Parameter leading: so many columns stand to the left, as words do; the others to the right.
    package init(_ lines: [[String]], leading: Int = 0) {
        self.lines = lines
        self.leading = leading
    }

    package var text: String {
        let count = lines.first?.count ?? 0
        let widths = (0..<count).map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column < leading ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
