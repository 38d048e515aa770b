import Decisions
import Testing

@Suite("Booking an update of the service")
struct LedgerBookingTests {
    private func wait(_ booked: Int?, at now: Int) -> Duration? {
        Ledger(projectedAt: booked.map { WallTime(milliseconds: $0) })
            .bookingWait(at: WallTime(milliseconds: now))
    }

    @Test("a second booking waits until 250 ms have passed since the first")
    func spacing() {
        #expect(wait(nil, at: 1_000) == nil)
        #expect(wait(1_000, at: 1_100) == .milliseconds(150))
        #expect(wait(1_000, at: 1_249) == .milliseconds(1))
        #expect(wait(1_000, at: 1_250) == nil)
    }

    @Test("a booking that is younger by a call is waited for, one from a clock far ahead is not")
    func skew() {
        #expect(wait(1_200, at: 1_000) == .milliseconds(250))
        #expect(wait(16_000, at: 1_000) == .milliseconds(250))
        #expect(wait(16_001, at: 1_000) == nil)
        #expect(wait(900_000, at: 1_000) == nil)
    }
}
