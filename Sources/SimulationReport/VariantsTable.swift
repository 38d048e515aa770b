package import Simulation

/// This project's figures in one of several ways to run it.
package struct Variant: Sendable {
    package let name: String
    package let figures: Figures

    package init(_ name: String, _ figures: Figures) {
        self.name = name
        self.figures = figures
    }
}

/// Ways to run this project that differ in one thing.
package enum VariantSubject: String, Sendable, CaseIterable {
    case mode
    case notifications
    case foresight
    case idle

    package var title: String {
        switch self {
        case .mode: "What jobs share"
        case .idle: "How long idle agents wait"
        case .foresight: "Whether applies are foreseen"
        case .notifications: "Whether runs that are over are told of"
        }
    }
}

/// What each of several ways costs in boots, waits, agents' time and money, a row for each.
package struct VariantsTable: Sendable {
    package let subject: VariantSubject
    package var columns: [FiguresTable.Column] {
        [FiguresTable.Column(title: subject.rawValue, note: "")] + Self.figures
    }

    private static let figures = [
        FiguresTable.Column(title: "jobs", note: "plans and applies that an agent took"),
        FiguresTable.Column(title: "boots/job", note: "tasks started for each job"),
        FiguresTable.Column(
            title: "renewals/job",
            note: "containers made as they were, for each job"
        ),
        FiguresTable.Column(
            title: "plan p50",
            note: "from wanting an agent to having one, of plans"
        ),
        FiguresTable.Column(title: "plan p95", note: "the wait that 95 of 100 plans do not exceed"),
        FiguresTable.Column(title: "apply p50", note: "the same of applies"),
        FiguresTable.Column(
            title: "apply p95",
            note: "the wait that 95 of 100 applies do not exceed"
        ),
        FiguresTable.Column(
            title: "job hours",
            note: "agents' time with a job, what they fetch included"
        ),
        FiguresTable.Column(
            title: "agent-hours",
            note: "time of tasks, starting and stopping included"
        ),
        FiguresTable.Column(title: "cost/run", note: "with the prices below"),
    ]

    package let rows: [[String]]

    package init(_ subject: VariantSubject, _ variants: [Variant], _ prices: Prices) {
        self.subject = subject
        rows = variants.map { entry in
            let figures = entry.figures
            let jobs = Double(max(1, figures.jobs))
            return [
                entry.name,
                Numbers.whole(figures.jobs),
                Numbers.fixed(figures.bootsPerJob, 2),
                Numbers.fixed(Double(figures.renewals) / jobs, 2),
                Numbers.time(figures.planWaits.quantile(thousandths: 500)),
                Numbers.time(figures.planWaits.quantile(thousandths: 950)),
                Numbers.time(figures.applyWaits.quantile(thousandths: 500)),
                Numbers.time(figures.applyWaits.quantile(thousandths: 950)),
                Numbers.fixed(Double(figures.busyTime) / 3_600_000, 0),
                Numbers.fixed(figures.agentHours, 0),
                Numbers.dollars(figures.costPerRun(prices)),
            ]
        }
    }

    /// For a terminal: numbers to the right.
    package var text: String {
        TextTable([columns.map(\.title)] + rows, leading: 1).text
    }
}
