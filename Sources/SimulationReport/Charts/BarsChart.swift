import Simulation

/// Policies side by side: a panel for each figure, a bar for each policy.
struct BarsChart {
    private struct Panel {
        let title: String
        let note: String
        let values: [(policy: PolicyKind, value: Double, label: String)]
    }

    private let panels: [Panel]

    init(_ figures: [Figures], _ prices: Prices) {
        func panel(
            _ title: String,
            _ note: String,
            _ value: (Figures) -> Double,
            _ label: (Double) -> String
        ) -> Panel {
            Panel(
                title: title,
                note: note,
                values: figures.map { ($0.policy, value($0), label(value($0))) }
            )
        }
        let whole = { (value: Double) in Numbers.whole(Int(value.rounded())) }
        panels = [
            panel(
                "Agents ended with a job",
                "all seeds together",
                { Double($0.killedBusy) },
                whole
            ),
            panel(
                "Wait, 95 of 100 jobs",
                "seconds until an agent takes it",
                { Double($0.waits.quantile(thousandths: 950)) / 1_000 },
                { Numbers.fixed($0, 0) + " s" }
            ),
            panel(
                "Cost per run",
                "Fargate list price, US dollars",
                { $0.costPerRun(prices) },
                Numbers.dollars
            ),
            panel("Idle share", "agent time without a job", { $0.idleShare }, Numbers.percent),
            panel(
                "Tasks started per job",
                "boots of an agent",
                { $0.bootsPerJob },
                { Numbers.fixed($0, 2) }
            ),
            panel(
                "Agents left running",
                "above desired_count, 2 h after the last run",
                { Double($0.leftRunning) / Double(max(1, $0.worlds)) },
                { Numbers.fixed($0, 1) }
            ),
        ]
    }

    func drawing(width: Double) -> Drawing {
        let columns = width < 560 ? 1 : 3
        let gap = 28.0
        let panelWidth = (width - gap * Double(columns - 1)) / Double(columns)
        let rows = (panels.count + columns - 1) / columns
        let bars = panels.first?.values.count ?? 0
        let panelHeight = 44 + Double(bars) * 23 + 12
        var drawing = Drawing(
            width: width,
            height: Double(rows) * panelHeight + Double(rows - 1) * 10,
            title: "Policies side by side"
        )
        for (index, panel) in panels.enumerated() {
            let x = Double(index % columns) * (panelWidth + gap)
            let y = Double(index / columns) * (panelHeight + 10)
            draw(panel, x, y, panelWidth, &drawing)
        }
        return drawing
    }

    private func draw(
        _ panel: Panel,
        _ x: Double,
        _ y: Double,
        _ width: Double,
        _ drawing: inout Drawing
    ) {
        drawing.text(panel.title, x, y + 15, "h")
        drawing.text(panel.note, x, y + 32, "q")
        let names = 84.0
        let labels = 62.0
        let room = width - names - labels
        let largest = max(1e-9, panel.values.map(\.value).max() ?? 0)
        for (index, entry) in panel.values.enumerated() {
            let top = y + 44 + Double(index) * 23
            let length = entry.value / largest * room
            drawing.text(entry.policy.rawValue, x + names - 8, top + 13, "t", .end)
            drawing.rect(x + names, top, room, 17, "track")
            if length > 0.5 {
                drawing.rect(x + names, top, max(2, length), 17, Palette.kind(entry.policy))
            }
            drawing.text(entry.label, x + names + room + 7, top + 13)
        }
    }
}
