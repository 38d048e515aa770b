import Model
import Simulation

/// From values to places on an axis, with marks at round numbers.
struct Scale {
    let from: Double
    let to: Double
    let start: Double
    let end: Double
    let ticks: [Double]

    /// From zero to a round number at or above the largest value.
    init(zeroTo largest: Double, start: Double, end: Double, ticks wanted: Int) {
        let step = Self.roundStep(max(largest, 1e-9) / Double(max(1, wanted)))
        let steps = max(1, Int((max(largest, 1e-9) / step).rounded(.up)))
        from = 0
        to = step * Double(steps)
        self.start = start
        self.end = end
        ticks = (0...steps).map { Double($0) * step }
    }

    init(from: Double, to: Double, start: Double, end: Double, ticks: [Double]) {
        self.from = from
        self.to = to
        self.start = start
        self.end = end
        self.ticks = ticks
    }

    func place(_ value: Double) -> Double {
        start + (value - from) / (to - from) * (end - start)
    }

    /// The next of 1, 2, 5, 10, ... at or above.
    static func roundStep(_ raw: Double) -> Double {
        var power = 1.0
        while power * 10 <= raw { power *= 10 }
        while power > raw { power /= 10 }
        for factor in [1.0, 2, 5] where power * factor >= raw * 0.999_999 { return power * factor }
        return power * 10
    }

    /// Hours for an axis of time.
    static func hours(
        from: Double,
        to: Double,
        start: Double,
        end: Double,
        ticks: Int
    ) -> Scale {
        let steps = [0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720]
        let wanted = (to - from) / Double(max(1, ticks))
        let step = steps.first { $0 >= wanted } ?? 1_440
        let first = (from / step).rounded(.up) * step
        let marks = stride(from: first, through: to, by: step).map { $0 }
        return Scale(from: from, to: max(to, from + 0.01), start: start, end: end, ticks: marks)
    }
}

/// Waits on an axis that grows by equal factors, from one second to hours.
struct WaitScale {
    private static let marks: [(seconds: Double, label: String)] = [
        (1, "1 s"), (3, "3 s"), (10, "10 s"), (30, "30 s"), (60, "1 min"), (180, "3 min"),
        (600, "10 min"), (1_800, "30 min"), (3_600, "1 h"), (10_800, "3 h"), (36_000, "10 h"),
        (86_400, "24 h"),
    ]
    private let start: Double
    private let end: Double
    private let span: Double
    let ticks: [(place: Double, label: String)]

    init(longest: Milliseconds, start: Double, end: Double, narrow: Bool) {
        self.start = start
        self.end = end
        let seconds = Double(longest) / 1_000
        let last = Self.marks.first { $0.seconds >= seconds } ?? Self.marks[Self.marks.count - 1]
        let span = Logarithm.natural(max(10, last.seconds))
        self.span = span
        ticks = Self.marks.filter { $0.seconds <= max(10, last.seconds) }
            .enumerated().filter { !narrow || $0.offset % 2 == 0 }
            .map { mark in
                let part = Logarithm.natural(mark.element.seconds) / span
                return (start + part * (end - start), mark.element.label)
            }
    }

    func place(_ wait: Milliseconds) -> Double {
        let seconds = max(1, Double(wait) / 1_000)
        return min(end, start + Logarithm.natural(seconds) / span * (end - start))
    }
}
