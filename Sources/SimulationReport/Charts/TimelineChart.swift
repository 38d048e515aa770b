import Model
import Simulation

/// Demand and agents over time, a panel for each policy.
struct TimelineChart {
    private let figures: [Figures]
    /// The part of the time that is shown.
    private let window: ClosedRange<Milliseconds>

    /// Hours that can be told apart at the charts' size.
    private static let shown: Milliseconds = 8.hours

    init(_ figures: [Figures]) {
        self.figures = figures.filter { !$0.timeline.moments.isEmpty }
        window = Self.busiest(self.figures.first?.timeline ?? DemandTimeline())
    }

    /// What the window is, for a note beside the chart.
    var note: String {
        let hours = (window.upperBound - window.lowerBound) / 1.hours
        return hours * 1.hours == Self.shown
            ? "The busiest \(hours) hours of the first seed; hours from its beginning."
            : "The first seed; hours from its beginning."
    }

    /// The hours with the largest demand; everything where there is not more.
    private static func busiest(_ timeline: DemandTimeline) -> ClosedRange<Milliseconds> {
        let moments = timeline.moments
        guard let end = moments.last?.at, end > shown else { return 0...(moments.last?.at ?? 1) }
        var best = (start: 0, demand: -1)
        for start in stride(from: 0, through: end - shown, by: 1.hours) {
            let inside = moments.filter { $0.at >= start && $0.at < start + shown }
            let demand = inside.reduce(0) { $0 + $1.demand }
            if demand > best.demand { best = (start, demand) }
        }
        return best.start...best.start + shown
    }

    private func moments(_ entry: Figures) -> [DemandTimeline.Moment] {
        entry.timeline.moments.filter { window.contains($0.at) }
    }

    func drawing(width: Double) -> Drawing {
        let columns = width < 560 || figures.count < 3 ? 1 : 3
        let gap = 22.0
        let panelWidth = (width - gap * Double(columns - 1)) / Double(columns)
        let panelHeight = columns == 1 && figures.count < 3 ? 250.0 : 172.0
        let rows = max(1, (figures.count + columns - 1) / columns)
        let top = 26.0
        var drawing = Drawing(
            width: width,
            height: top + Double(rows) * panelHeight + Double(rows - 1) * 10,
            title: "Demand and agents over time"
        )
        drawing.rect(0, 3, 13, 13, "area")
        drawing.text("jobs that want an agent", 19, 14)
        let second = 19 + 25 * Drawing.characterWidth
        drawing.line(second, 9.5, second + 20, 9.5, "l solid c-ours")
        drawing.text("agents", second + 27, 14)

        let moments = figures.flatMap(moments)
        let most = Double(moments.map { max($0.demand, $0.agents) }.max() ?? 1)
        for (index, entry) in figures.enumerated() {
            let x = Double(index % columns) * (panelWidth + gap)
            let y = top + Double(index / columns) * (panelHeight + 10)
            draw(entry, x, y, panelWidth, panelHeight, most, &drawing)
        }
        return drawing
    }

    private func draw(
        _ entry: Figures,
        _ x: Double,
        _ y: Double,
        _ width: Double,
        _ height: Double,
        _ most: Double,
        _ drawing: inout Drawing
    ) {
        let left = x + 30
        let right = x + width - 14
        let upper = y + 26
        let lower = y + height - 24
        let vertical = Scale(zeroTo: most, start: lower, end: upper, ticks: 4)
        let horizontal = Scale.hours(
            from: Double(window.lowerBound) / 3_600_000,
            to: Double(window.upperBound) / 3_600_000,
            start: left,
            end: right,
            ticks: Int((right - left) / 45)
        )
        drawing.text(entry.policy.rawValue, left, y + 15, "h")
        for tick in vertical.ticks {
            let place = vertical.place(tick)
            drawing.line(left, place, right, place, tick == 0 ? "axis" : "grid")
            drawing.text(Numbers.fixed(tick, 0), left - 6, place + 4, "q", .end)
        }
        for tick in horizontal.ticks {
            let isWhole = tick == tick.rounded()
            let label =
                Numbers.fixed(tick, isWhole ? 0 : 1) + (tick == horizontal.ticks.first ? " h" : "")
            drawing.text(label, horizontal.place(tick), lower + 17, "q", .middle)
        }
        let moments = moments(entry)
        func steps(_ value: (DemandTimeline.Moment) -> Int) -> [(x: Double, y: Double)] {
            var points: [(x: Double, y: Double)] = []
            var last: Int?
            for (index, moment) in moments.enumerated() {
                // A point only where something changes keeps the file small.
                guard value(moment) != last || index == moments.count - 1 else { continue }
                let place = horizontal.place(Double(moment.at) / 3_600_000)
                if let before = points.last { points.append((place, before.y)) }
                points.append((place, vertical.place(Double(value(moment)))))
                last = value(moment)
            }
            return points
        }
        let demand = steps(\.demand)
        let agents = steps(\.agents)
        let area = [(left, lower)] + demand + [(demand.last?.x ?? left, lower)]
        drawing.path(area, "area", closed: true)
        drawing.path(agents, "l solid \(Palette.kind(entry.policy))")
    }
}
