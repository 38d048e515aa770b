import Decisions
import Model
import Seeded

/// Chance in whole numbers, the same on every machine: no floating point, and none of the
/// standard library's ways to draw, which may change with its version.
struct Chance {
    private var source: SeededRandom

    /// - Parameter stream: one seed feeds several independent streams, so that a policy that draws
    ///   more often does not change the runs that arrive.
    init(seed: UInt64, stream: UInt64) {
        var mixer = SeededRandom(seed: seed &+ stream &* 0x9E37_79B9_7F4A_7C15)
        source = SeededRandom(seed: mixer.next())
    }

    /// A number from 0 to one less than the bound.
    mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0)
        return Int(source.next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    mutating func within(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// A wait before the next try, in whole milliseconds.
    mutating func wait(_ backoff: Backoff, afterTry number: Int) -> Milliseconds {
        below(Int(backoff.bound(afterTry: number) / .milliseconds(1)) + 1)
    }

    /// True this many times in a million.
    mutating func happens(_ perMillion: Int) -> Bool {
        guard perMillion > 0 else { return false }
        return below(1_000_000) < perMillion
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }

    mutating func shuffle<Element>(_ elements: inout [Element]) {
        guard elements.count > 1 else { return }
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, below(last + 1))
        }
    }

    /// The time to the next of events that come independently of each other, `mean` apart.
    mutating func gap(mean: Milliseconds) -> Milliseconds {
        // Uniform in (0, 1], in steps of 2^-53, which a Double holds exactly.
        let uniform = Double((source.next() >> 11) + 1) / Double(1 << 53)
        return Int(-Double(mean) * Logarithm.natural(uniform))
    }

    /// A length around `mean` as work has it: most are shorter, few are several times as long.
    mutating func length(mean: Milliseconds) -> Milliseconds {
        // The sum of two has less spread than one, and never a length of nothing.
        max(1, (gap(mean: mean) + gap(mean: mean)) / 2 * 9 / 10 + mean / 10)
    }
}

/// The natural logarithm by the four basic operations, which every machine rounds alike; the
/// libraries' own differ in the last digit.
package enum Logarithm {
    private static let ofTwo = 0.693_147_180_559_945_3

    /// - Parameter value: greater than 0.
    package static func natural(_ value: Double) -> Double {
        let exponent = Int(value.exponent)
        let significand = value.significand
        // ln(m) = 2 artanh((m - 1) / (m + 1)), m in 1..<2, so the ratio is below 1/3.
        let ratio = (significand - 1) / (significand + 1)
        let square = ratio * ratio
        var power = ratio
        var sum = 0.0
        for odd in stride(from: 1, through: 39, by: 2) {
            sum += power / Double(odd)
            power *= square
        }
        return 2 * sum + Double(exponent) * ofTwo
    }
}

/// Something that is away for some minutes now and then.
struct Outage {
    private var endsAt: Milliseconds = 0
    private var decidedHour = -1
    private var startsAt: Milliseconds = 0
    /// Somebody has met the one that was drawn last.
    var isMet = false

    /// - Parameter perHour: the chance of an outage in each hour, in millionths.
    mutating func isOn(at now: Milliseconds, perHour: Int, _ chance: inout Chance) -> Bool {
        guard perHour > 0 else { return false }
        let hour = now / 1.hours
        if hour != decidedHour {
            decidedHour = hour
            if chance.happens(perHour) {
                isMet = false
                startsAt = hour * 1.hours + chance.below(1.hours)
                endsAt = startsAt + chance.within(20.seconds...15.minutes)
            }
        }
        return now >= startsAt && now < endsAt
    }
}
