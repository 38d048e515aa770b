import Decisions
import Testing

@Suite("Booking an update of the service")
struct LedgerBookingTests {
    @Test("a second booking waits until 250 ms have passed since the first")
    func spacing() {
        var ledger = Ledger()
        #expect(ledger.bookUpdate(at: WallTime(milliseconds: 1_000)) == nil)
        let booked = ledger
        #expect(ledger.bookUpdate(at: WallTime(milliseconds: 1_100)) == .milliseconds(150))
        #expect(ledger == booked)
        #expect(ledger.bookUpdate(at: WallTime(milliseconds: 1_250)) == nil)
        #expect(ledger.projectedAt == WallTime(milliseconds: 1_250))
    }

    @Test("one that books for itself alone leaves the next turn to one that books for many")
    func headway() {
        var ledger = Ledger(projectedAt: WallTime(milliseconds: 1_000))
        let headway = Ledger.updateSpacing * 2
        let early = WallTime(milliseconds: 1_300)
        #expect(ledger.bookUpdate(at: early, headway: headway) == .zero)
        #expect(ledger.projectedAt == WallTime(milliseconds: 1_000))
        let late = WallTime(milliseconds: 1_500)
        #expect(ledger.bookUpdate(at: late, headway: headway) == nil)
    }

    @Test("a clock that is a little ahead is waited for, one that is far ahead is not")
    func skew() {
        var ledger = Ledger(projectedAt: WallTime(milliseconds: 1_200))
        #expect(ledger.bookUpdate(at: WallTime(milliseconds: 1_000)) == .milliseconds(450))
        ledger.projectedAt = WallTime(milliseconds: 9_000)
        #expect(ledger.bookUpdate(at: WallTime(milliseconds: 1_000)) == nil)
        #expect(ledger.projectedAt == WallTime(milliseconds: 1_000))
    }
}
