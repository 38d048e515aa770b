import Simulation

/// Cost against wait for a sweep of limits: a line for each `desired_count`, along it the idle
/// limit.
struct CostChart {
    private let lines: [(floor: Int, choices: [Choice])]
    private let prices: Prices

    init(_ choices: [Choice], _ prices: Prices) {
        self.prices = prices
        let floors = Set(choices.map(\.desiredCount)).sorted()
        lines = floors.map { floor in
            let line = choices.filter { $0.desiredCount == floor }
            return (floor, line.sorted { $0.idleTimeout < $1.idleTimeout })
        }
    }

    private static let kinds = ["c-ours", "c-counter", "c-run-count", "c-self-ending"]

    func drawing(width: Double) -> Drawing {
        let narrow = width < 560
        let entryWidth = 165.0
        let inRow = max(1, Int(width / entryWidth))
        let legendRows = (lines.count + inRow - 1) / inRow
        let top = 8 + Double(legendRows) * Drawing.line
        let height = top + (narrow ? 260 : 280) + 52
        var drawing = Drawing(width: width, height: height, title: "Cost against wait")
        for (index, line) in lines.enumerated() {
            let x = Double(index % inRow) * entryWidth + 6
            let y = 10 + Double(index / inRow) * Drawing.line
            drawing.mark(index, x, y, "mark \(Self.kinds[index % 4])")
            drawing.text("desired_count \(line.floor)", x + 14, y + 4)
        }
        let all = lines.flatMap(\.choices)
        let left = 62.0
        let right = width - 28
        let upper = top + 28
        let lower = height - 46
        let largest = all.map { $0.figures.costPerRun(prices) }.max() ?? 1
        let longest = all.map { Double($0.wait(thousandths: 950)) / 1_000 }.max() ?? 1
        let vertical = Scale(zeroTo: largest, start: lower, end: upper, ticks: 5)
        let horizontal = Scale(zeroTo: longest, start: left, end: right, ticks: narrow ? 4 : 8)
        for tick in vertical.ticks {
            let place = vertical.place(tick)
            drawing.line(left, place, right, place, tick == 0 ? "axis" : "grid")
            drawing.text(tick == 0 ? "$0" : Numbers.dollars(tick), left - 7, place + 4, "q", .end)
        }
        for tick in horizontal.ticks {
            let place = horizontal.place(tick)
            drawing.line(place, upper, place, lower, tick == 0 ? "axis" : "grid")
            drawing.text(Numbers.fixed(tick, 0) + " s", place, lower + 17, "q", .middle)
        }
        drawing.text("cost per run", 0, upper - 13, "q")
        drawing.text(
            "wait that 95 of 100 jobs do not exceed",
            (left + right) / 2,
            lower + 37,
            "q",
            .middle
        )
        for (index, line) in lines.enumerated() {
            let points = line.choices.map { choice in
                (
                    x: horizontal.place(Double(choice.wait(thousandths: 950)) / 1_000),
                    y: vertical.place(choice.figures.costPerRun(prices))
                )
            }
            drawing.path(points, "l solid \(Self.kinds[index % 4])")
            for point in points {
                drawing.mark(index, point.x, point.y, "mark \(Self.kinds[index % 4])")
            }
        }
        return drawing
    }
}
