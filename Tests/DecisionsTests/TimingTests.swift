import Decisions
import Testing

/// The decisions rest on orders among their durations, sums included. Each is stated once, with
/// the harm that follows without it, and holds for what ships and for the small world alike: a
/// small world with another order would be another system.
@Suite("Timing")
struct TimingTests {
    struct Order: CustomTestStringConvertible, Sendable {
        let why: String
        let less: @Sendable (Timing) -> Duration
        let more: @Sendable (Timing) -> Duration
        var isStrict = true

        var testDescription: String { why }
    }

    static let timings: [(String, Timing)] = [("shipped", .shipped), ("small", .small)]

    static let orders: [Order] = [
        Order(
            why: "no pause is shorter than the one before",
            less: { $0.firstPause },
            more: { $0.longestPause },
            isStrict: false
        ),
        Order(
            why: "a leaving agent's update of the service has its pause and another try before "
                + "it is left to others",
            less: { $0.firstPause },
            more: { $0.projectionPatience },
            isStrict: false
        ),
        Order(
            why: "a lasting refusal is asked about no sooner than a passing one",
            less: { $0.askAgain },
            more: { $0.askSlowly },
            isStrict: false
        ),
        Order(
            why: "a launcher that renews nothing is given up while it still waits for its release",
            less: { $0.renewalPatience },
            more: { $0.projectionPatience },
            isStrict: false
        ),
        Order(
            why: "a passing refusal is asked about again before it counts as lasting",
            less: { $0.askAgain },
            more: { $0.protectionPatience }
        ),
        Order(
            why: "an exposure that is entered as soon as protection counts as lost lets the agent "
                + "start before it is started without one",
            less: { $0.protectionPatience + $0.loweringPatience },
            more: { $0.runComesFirst }
        ),
        Order(
            why: "a lowering that is on its way arrives while the task is still protected",
            less: { $0.loweringPatience },
            more: { $0.leastLeft }
        ),
        Order(
            why: "the margin before expiry is never below what must be left",
            less: { $0.leastLeft },
            more: { $0.expiryMargin }
        ),
        Order(
            why: "an exposure that a lost ledger forgot is said again before the entry of a "
                + "task that ECS does not list yet would be dropped",
            less: { $0.exposeAgain },
            more: { $0.listLag }
        ),
        Order(
            why: "an exposure is said again only after a lowering has had its time",
            less: { $0.loweringPatience },
            more: { $0.exposeAgain }
        ),
        Order(
            why: "a reading that was missed is made up for before the row is broken",
            less: { $0.compareEvery + $0.compareAgain },
            more: { $0.longestGap }
        ),
        Order(
            why: "one reading that is skipped breaks no row",
            less: { $0.compareEvery + $0.compareEvery },
            more: { $0.longestGap },
            isStrict: false
        ),
        Order(
            why: "the fewest readings that prove a stray alone are no spell",
            less: { $0.compareEvery + $0.compareEvery },
            more: { $0.strayAfter }
        ),
        Order(
            why: "a gap in the readings is no spell",
            less: { $0.longestGap },
            more: { $0.strayAfter }
        ),
        Order(
            why: "a service that two readings show to be wrong is put right before any of its "
                + "tasks is taken for a stray",
            less: { $0.compareEvery + $0.compareEvery + $0.longestPause },
            more: { $0.strayAfter }
        ),
        Order(
            why: "a stray is judged by a list of tasks that may lag as long",
            less: { $0.listLag },
            more: { $0.strayAfter },
            isStrict: false
        ),
        Order(
            why: "the reservation of a task that was listed when it reserved outlasts the list",
            less: { $0.listLag },
            more: { $0.reservationLimit }
        ),
        Order(
            why: "an agent that was refused asks again before a stray's spell is over, so that "
                + "one agent leaves and not each",
            less: { $0.reserveAgain },
            more: { $0.strayAfter }
        ),
        Order(
            why: "a renewal says the job again each time that it is due",
            less: { $0.sayJobEvery },
            more: { $0.renewEvery },
            isStrict: false
        ),
        Order(
            why: "a deployment that is over is noticed before its task gives it up",
            less: { $0.compareEvery + $0.longestPause },
            more: { $0.handOverPatience }
        ),
        Order(
            why: "ECS's list of tasks shows the newest one before its room is given up",
            less: { $0.listLag },
            more: { $0.handOverPatience }
        ),
        Order(
            why: "a look at the agents API outlasts the next one",
            less: { $0.watchEvery + $0.watchEvery },
            more: { $0.watchedFor }
        ),
        Order(
            why: "an API that is away is asked more slowly",
            less: { $0.watchEvery },
            more: { $0.watchSeldom }
        ),
        Order(
            why: "a launcher that comes back is not taken for gone when its agent is silent only",
            less: { $0.linkPatience },
            more: { $0.reserveAgain }
        ),
        Order(
            why: "a silence is worth a line only when the agent has been asked about long before",
            less: { $0.reserveAgain },
            more: { $0.longestSilence }
        ),
    ]

    @Test("the durations are ordered as the decisions need it", arguments: orders)
    func holds(_ order: Order) {
        for (name, timing) in Self.timings {
            let (less, more) = (order.less(timing), order.more(timing))
            #expect(order.isStrict ? less < more : less <= more, "\(name): \(less), \(more)")
        }
    }

    @Test("of two small durations none is the longer one where the shipped one is the shorter")
    func smallKeepsOrder() {
        let parts: [any KeyPath<Timing, Duration> & Sendable] = [
            \.firstPause, \.longestPause, \.protectionPatience, \.runComesFirst, \.askAgain,
            \.askSlowly, \.expiryMargin, \.leastLeft, \.loweringPatience, \.exposeAgain,
            \.reserveAgain, \.compareEvery, \.compareAgain, \.longestGap, \.projectionPatience,
            \.strayAfter, \.listLag, \.reservationLimit, \.watchEvery, \.watchedFor, \.linkPatience,
            \.handOverPatience, \.renewalPatience,
        ]
        for left in parts {
            for right in parts where Timing.shipped[keyPath: left] < Timing.shipped[keyPath: right]
            {
                #expect(
                    Timing.small[keyPath: left] <= Timing.small[keyPath: right],
                    "\(left) and \(right)"
                )
            }
        }
    }

    @Test("small durations are whole seconds")
    func smallIsWhole() {
        for mirror in Mirror(reflecting: Timing.small).children {
            let duration = mirror.value as? Duration
            #expect(duration?.components.attoseconds == 0, "\(mirror.label ?? "")")
            #expect(duration ?? .zero > .zero, "\(mirror.label ?? "")")
        }
    }
}
