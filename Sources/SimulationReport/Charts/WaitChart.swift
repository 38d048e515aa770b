import Simulation

/// Which part of the jobs had an agent after which wait, a curve for each policy.
struct WaitChart {
    private let figures: [Figures]

    init(_ figures: [Figures]) { self.figures = figures.filter { $0.waits.count > 0 } }

    func drawing(width: Double) -> Drawing {
        let narrow = width < 560
        let (legend, legendRows) = places(width: width)
        let top = 8 + Double(legendRows) * Drawing.line
        let height = top + (narrow ? 250 : 270) + 52
        var drawing = Drawing(width: width, height: height, title: "How long jobs wait")
        for (entry, place) in zip(figures, legend) {
            let y = 10 + Double(place.row) * Drawing.line
            drawing.line(place.x, y, place.x + 28, y, "l \(Palette.kind(entry.policy))")
            drawing.text(entry.policy.rawValue, place.x + 35, y + 4)
        }
        let left = 46.0
        let right = width - 24
        let upper = top + 10
        let lower = height - 46
        let vertical = Scale(
            from: 0,
            to: 100,
            start: lower,
            end: upper,
            ticks: [0, 25, 50, 75, 95, 100]
        )
        for tick in vertical.ticks {
            let place = vertical.place(tick)
            drawing.line(left, place, right, place, tick == 0 ? "axis" : "grid")
            // 95 and 100 lie too close together for two lines of text.
            if tick != 100 {
                drawing.text("\(Int(tick)) %", left - 7, place + 4, "q", .end)
            }
        }
        let longest = figures.map { $0.waits.quantile(thousandths: 999) }.max() ?? 10_000
        let horizontal = WaitScale(longest: longest, start: left, end: right, narrow: narrow)
        for tick in horizontal.ticks {
            drawing.line(tick.place, upper, tick.place, lower, "grid")
            drawing.text(tick.label, tick.place, lower + 17, "q", .middle)
        }
        drawing.text("wait of a plan or apply", (left + right) / 2, lower + 37, "q", .middle)
        // Ours last, so that it lies on top.
        for entry in figures.reversed() {
            var points: [(x: Double, y: Double)] = [(left, lower)]
            for step in entry.waits.steps {
                let share = Double(step.upTo) / Double(entry.waits.count) * 100
                points.append((horizontal.place(step.wait), vertical.place(share)))
            }
            points.append((right, upper))
            drawing.path(points, "l \(Palette.kind(entry.policy))")
        }
        return drawing
    }

    /// Where the legend's entries stand: as many in a row as fit.
    private func places(width: Double) -> ([(x: Double, row: Int)], rows: Int) {
        var places: [(x: Double, row: Int)] = []
        var x = 0.0
        var row = 0
        for entry in figures {
            let size = 35 + Double(entry.policy.rawValue.count) * Drawing.characterWidth + 20
            if x > 0, x + size > width {
                x = 0
                row += 1
            }
            places.append((x, row))
            x += size
        }
        return (places, row + 1)
    }
}
