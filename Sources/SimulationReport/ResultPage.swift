package import Decisions
package import Simulation

/// Everything that one command found out.
package struct SimulationResult: Sendable {
    package let command: String
    package let limits: Limits
    package let prices: Prices
    package var seeds: ClosedRange<UInt64> = 1...1
    package var workload = ""
    package var campaign: SafetyCampaign?
    package var figures: [Figures] = []
    package var choices: [Choice] = []
    /// This project in several ways, where they were asked for.
    package var variants: [VariantSubject: [Variant]] = [:]

    package init(command: String, limits: Limits, prices: Prices) {
        self.command = command
        self.limits = limits
        self.prices = prices
    }

    /// The campaign in one sentence.
    var verdict: String? {
        guard let campaign else { return nil }
        let size =
            "\(Numbers.whole(campaign.seeds)) seeds with faults, "
            + "\(Numbers.whole(campaign.tally.jobs)) jobs: "
        guard campaign.failures.isEmpty else {
            return size + "\(campaign.failures.count) seeds broke a rule"
        }
        return size + "every rule held, \(campaign.tally.starved) runs starved, "
            + "\(campaign.tally.leftOver) agents left over"
    }
}

/// The charts as one HTML page without any other file, and as one picture.
package struct ResultPage: Sendable {
    private let result: SimulationResult
    private static let wide = 920.0
    private static let narrow = 342.0

    package init(_ result: SimulationResult) { self.result = result }

    private struct Section {
        let id: String
        let title: String
        let note: String
        let drawing: (Double) -> Drawing
    }

    private var sections: [Section] {
        let prices = result.prices
        var sections: [Section] = []
        if result.figures.count > 1 {
            sections.append(
                Section(
                    id: "policies",
                    title: "Policies side by side",
                    note: "The same runs in the same world, \(Numbers.whole(worlds)) times over.",
                    drawing: BarsChart(result.figures, prices).drawing
                )
            )
        }
        sections.append(
            Section(
                id: "timeline",
                title: "Demand and agents over time",
                note: TimelineChart(result.figures).note,
                drawing: TimelineChart(result.figures).drawing
            )
        )
        sections.append(
            Section(
                id: "waits",
                title: "How long jobs wait",
                note: "Part of all plans and applies that had an agent after so long.",
                drawing: WaitChart(result.figures).drawing
            )
        )
        if !result.choices.isEmpty {
            sections.append(
                Section(
                    id: "cost",
                    title: "Cost against wait",
                    note: "This project with other limits: along each line the idle limit goes "
                        + "from 30 s (cheapest) to 20 min.",
                    drawing: CostChart(result.choices, prices).drawing
                )
            )
        }
        return sections
    }

    private var worlds: Int { result.figures.first?.worlds ?? 0 }

    private var facts: String {
        let limits = result.limits
        return "desired_count \(limits.desiredCount), max_count \(limits.maxCount); "
            + "seeds \(result.seeds.lowerBound) to \(result.seeds.upperBound); "
            + "runs: \(result.workload)"
    }

    // MARK: The page

    package var html: String {
        let table = FiguresTable(result.figures, result.prices)
        let variants = VariantSubject.allCases.compactMap { subject in
            result.variants[subject].map { VariantsTable(subject, $0, result.prices) }
        }
        var page = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>HCP Terraform agents on ECS: a simulation</title>
            <style>
            \(Palette.style(scope: ":root"))\(Self.pageStyle)</style>
            </head>
            <body>
            <main>
            <h1>HCP Terraform agents on ECS: a simulation</h1>
            <p class="command"><code>\(Drawing.escaped(result.command))</code></p>
            <p>\(Drawing.escaped(facts)).</p>

            """
        if let verdict = result.verdict {
            page += "<p class=\"verdict\"><strong>The rules.</strong> "
            page += "\(Drawing.escaped(verdict)).</p>\n"
        }
        for section in sections {
            page += "<section id=\"\(section.id)\">\n<h2>\(section.title)</h2>\n"
            page += "<p class=\"note\">\(Drawing.escaped(section.note))</p>\n"
            page += section.drawing(Self.wide).svg("chart wide")
            page += section.drawing(Self.narrow).svg("chart narrow")
            page += "</section>\n"
        }
        page += "<section id=\"table\">\n<h2>The figures</h2>\n"
        page += Self.table(FiguresTable.columns, table.rows) + "</section>\n"
        for table in variants {
            page += "<section id=\"\(table.subject.rawValue)\">\n<h2>\(table.subject.title)</h2>\n"
            page += "<p class=\"note\">This project in each way, with the same runs.</p>\n"
            page += Self.table(table.columns, table.rows) + "</section>\n"
        }
        page += "<section id=\"legend\">\n<h2>What is what</h2>\n<dl>\n"
        for entry in result.figures {
            page += "<dt>\(entry.policy.rawValue)</dt>"
            page += "<dd>\(Drawing.escaped(entry.policy.title))</dd>\n"
        }
        var columns = FiguresTable.columns
        for table in variants {
            let known = Set(columns.map(\.title))
            columns += table.columns.filter { !known.contains($0.title) }
        }
        for column in columns where !column.note.isEmpty {
            page += "<dt>\(column.title)</dt><dd>\(Drawing.escaped(column.note))</dd>\n"
        }
        page += "</dl>\n<p class=\"note\">\(Drawing.escaped(priceNote))</p>\n</section>\n"
        page += "</main>\n</body>\n</html>\n"
        return page
    }

    private var priceNote: String {
        let prices = result.prices
        let task =
            "\(Numbers.fixed(prices.vcpus, 2)) vCPU, \(Numbers.fixed(prices.gigabytes, 1)) GB"
        let saved = Numbers.percent(prices.spotDiscount)
        return "Prices: \(Numbers.dollars(prices.agentHour)) for an agent's hour (\(task)), "
            + "\(saved) less on Spot, \(Numbers.dollars(prices.controllerHour)) for a central "
            + "controller's hour where a policy needs one, DynamoDB on demand."
    }

    private static func table(_ columns: [FiguresTable.Column], _ rows: [[String]]) -> String {
        var text = "<table>\n<thead><tr>"
        for column in columns { text += "<th scope=\"col\">\(column.title)</th>" }
        text += "</tr></thead>\n<tbody>\n"
        for row in rows {
            text += "<tr>"
            for (place, (column, cell)) in zip(columns, row).enumerated() {
                let tag = place == 0 ? "th scope=\"row\"" : "td"
                text += "<\(tag) data-name=\"\(column.title)\">\(cell)</\(tag.prefix(2))>"
            }
            text += "</tr>\n"
        }
        return text + "</tbody>\n</table>\n"
    }

    private static let pageStyle = """
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink);
          font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
        main { max-width: 968px; margin: 0 auto; padding: 24px; }
        h1 { font-size: 26px; line-height: 1.25; margin: 8px 0 12px; }
        h2 { font-size: 19px; margin: 36px 0 2px; }
        p { margin: 6px 0; } .note { color: var(--quiet); font-size: 14px; margin-bottom: 14px; }
        code { font: 14px ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
        .command, .verdict { background: var(--card); border-radius: 6px; padding: 10px 14px; }
        .chart { display: block; width: 100%; height: auto; }
        .narrow { display: none; }
        table { border-collapse: collapse; width: 100%; font-size: 13px;
          font-variant-numeric: tabular-nums; }
        th, td { text-align: right; padding: 6px 5px; border-bottom: 1px solid var(--grid);
          vertical-align: bottom; }
        th:first-child { text-align: left; } thead th { color: var(--quiet); font-weight: 600; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px;
          font-size: 14px; } dt { font-weight: 600; } dd { margin: 0; }
        @media (max-width: 880px) {
          main { padding: 16px; }
          .wide { display: none; } .narrow { display: block; max-width: 560px; }
          thead { display: none; } table, tbody, tr, th, td { display: block; }
          tr { background: var(--card); border-radius: 6px; padding: 8px 14px; margin: 10px 0; }
          th, td { border: 0; padding: 2px 0; display: flex; justify-content: space-between; }
          td::before { content: attr(data-name); color: var(--quiet); }
          tbody th { font-size: 16px; }
        }

        """

    // MARK: The picture

    /// All charts below each other, in a file that shows itself in light and dark.
    package var picture: String {
        let margin = 24.0
        let parts = sections.map { ($0, $0.drawing(Self.wide)) }
        let head = result.verdict == nil ? 62.0 : 82.0
        let height = parts.reduce(head + margin) { $0 + $1.1.height + 62 }
        let width = Self.wide + 2 * margin
        var picture = Drawing(width: width, height: height, title: "A simulation in charts")
        picture.rect(0, 0, width, height, "ground")
        picture.text("HCP Terraform agents on ECS: a simulation", margin, 36, "big")
        picture.text(facts, margin, 58, "q")
        if let verdict = result.verdict { picture.text("Rules: \(verdict)", margin, 78, "h") }
        var y = head + 14
        for (section, drawing) in parts {
            picture.text(section.title, margin, y + 16, "big")
            picture.text(section.note, margin, y + 34, "q")
            picture.place(drawing, x: margin, y: y + 46)
            y += drawing.height + 62
        }
        return picture.svg("picture", style: Palette.style(scope: "svg"))
    }
}
