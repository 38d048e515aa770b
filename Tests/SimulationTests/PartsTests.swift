import Model
import Testing

@testable import Simulation
@testable import SimulationReport

@Suite("Simulation, parts")
struct PartsTests {
    @Test("events happen in the order of time, and at one moment in the order of planning")
    func queueOrder() {
        var queue = EventQueue()
        var seen: [Int] = []
        var chance = Chance(seed: 3, stream: 9)
        let times = (0..<2_000).map { _ in chance.below(50) }
        for (number, time) in times.enumerated() { queue.add(at: time) { seen.append(number) } }
        while let action = queue.next() { action() }
        let expected = times.enumerated().sorted {
            ($0.element, $0.offset) < ($1.element, $1.offset)
        }
        #expect(seen == expected.map(\.offset))
        #expect(queue.count == 0)
    }

    @Test("chance is the same on every machine")
    func chanceIsFixed() {
        var chance = Chance(seed: 42, stream: 1)
        let drawn = (0..<6).map { _ in chance.below(1_000) }
        #expect(drawn == Self.drawnOf42)
        var other = Chance(seed: 42, stream: 2)
        let others = (0..<6).map { _ in other.below(1_000) }
        #expect(others != drawn)
    }

    private static let drawnOf42 = [986, 308, 506, 684, 583, 378]

    @Test("gaps and lengths have the mean that was asked for")
    func means() {
        var chance = Chance(seed: 1, stream: 1)
        let count = 40_000
        let gaps = (0..<count).reduce(0) { sum, _ in sum + chance.gap(mean: 10_000) }
        let lengths = (0..<count).reduce(0) { sum, _ in sum + chance.length(mean: 10_000) }
        #expect((9_800...10_200).contains(gaps / count))
        #expect((9_800...10_200).contains(lengths / count))
    }

    @Test("the logarithm is right to fifteen digits")
    func logarithm() {
        #expect(abs(Logarithm.natural(1)) < 1e-15)
        #expect(abs(Logarithm.natural(10) - 2.302_585_092_994_045_7) < 1e-14)
        #expect(abs(Logarithm.natural(1e-9) + 20.723_265_836_946_41) < 1e-13)
    }

    @Test("quantiles of waits are right to two in a hundred")
    func quantiles() {
        var waits = WaitHistogram()
        for wait in 1...100_000 { waits.add(wait) }
        #expect(waits.count == 100_000)
        #expect(waits.longest == 100_000)
        for thousandths in [10, 500, 950, 999] {
            let exact = 100 * thousandths
            let error = abs(waits.quantile(thousandths: thousandths) - exact)
            #expect(error * 50 <= exact, "\(thousandths)")
        }
        #expect(waits.quantile(thousandths: 1_000) == 100_000)
        #expect(WaitHistogram().quantile(thousandths: 500) == 0)
    }

    @Test("a timeline keeps its size and its span")
    func timeline() {
        var timeline = DemandTimeline()
        var at = 0
        for _ in 0..<5_000 {
            timeline.add(.init(at: at, demand: 1, agents: 2, busy: 1))
            at += timeline.every
        }
        #expect(timeline.moments.count < 720)
        #expect(timeline.moments.first?.at == 0)
        #expect((timeline.moments.last?.at ?? 0) > at / 2)
    }

    @Test("numbers are written as people read them")
    func numbers() {
        #expect(Numbers.whole(0) == "0")
        #expect(Numbers.whole(-1_234_567) == "-1,234,567")
        #expect(Numbers.fixed(0.049_96, 2) == "0.05")
        #expect(Numbers.fixed(999.999, 1) == "1,000.0")
        #expect(Numbers.fixed(-0.001, 2) == "0.00")
        #expect(Numbers.percent(0.567) == "57 %")
        #expect(Numbers.time(59_400) == "59 s")
        #expect(Numbers.time(150_000) == "2.5 min")
        #expect(Numbers.time(7_200_000) == "2.0 h")
        #expect(Numbers.dollars(0.0049) == "$0.0049")
    }

    @Test("an outage begins and ends within what was drawn for its hour")
    func outage() {
        var chance = Chance(seed: 5, stream: 1)
        var outage = Outage()
        let on = stride(from: 0, to: 10.hours, by: 1.seconds).filter {
            outage.isOn(at: $0, perHour: 1_000_000, &chance)
        }
        #expect(on.count > 10 * 20)
        #expect(on.count < 10 * 15 * 60)
        var none = Outage()
        let isOn = none.isOn(at: 0, perHour: 0, &chance)
        #expect(!isOn)
    }

    @Test("the axes have round marks that enclose the values")
    func axes() {
        let scale = Scale(zeroTo: 187, start: 0, end: 100, ticks: 4)
        #expect(scale.ticks == [0, 50, 100, 150, 200])
        #expect(scale.place(100) == 50)
        let none = Scale(zeroTo: 0, start: 0, end: 100, ticks: 4)
        #expect(none.place(0) == 0)
    }
}
