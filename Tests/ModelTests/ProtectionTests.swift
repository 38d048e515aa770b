import Model
import Testing

@Suite("Model, protection")
struct ModelProtectionTests {
    private func running(_ count: Int) -> ServiceDriver {
        var driver = ServiceDriver(desired: count)
        driver.settle()
        return driver
    }

    @Test("protection lasts as long as was asked, and asked again it begins anew")
    func lasts() {
        var driver = running(1)
        let start = driver.now
        let answer = driver.protect(1, minutes: 5)
        #expect(answer == .protected(until: start + 300_000))
        driver.now += 200_000
        let nextAnswer = driver.protect(1, minutes: 5)
        #expect(nextAnswer == .protected(until: start + 500_000))
        #expect(driver.state.protection(of: 1, at: start + 499_999) == 1)
        let over = driver.state.expire(at: start + 499_999)
        #expect(over == [])
        let nextOver = driver.state.expire(at: start + 500_000)
        #expect(nextOver == [1])
        #expect(driver.state.protection(of: 1, at: start + 500_000) == 0)
    }

    @Test("as many protected tasks as the service wants block another one, not a renewal")
    func blocks() {
        var driver = running(2)
        _ = driver.protect(1)
        driver.setDesired(1)
        let answer = driver.protect(2)
        #expect(answer == .blocked)
        let nextAnswer = driver.protect(1)
        #expect(nextAnswer != .blocked)
        driver.state.unprotect(1)
        let laterAnswer = driver.protect(2)
        #expect(laterAnswer != .blocked)
    }

    @Test("a task whose protection has run out blocks nobody, and may be stopped")
    func expired() {
        var driver = running(2)
        _ = driver.protect(1, minutes: 1)
        driver.setDesired(1)
        driver.now += 60_000
        let answer = driver.protect(2)
        #expect(answer != .blocked)
        let decisions = driver.turn()
        #expect(decisions.map(\.number) == [1])
    }

    @Test("a stopped task is none of the service's")
    func notValid() {
        var driver = running(1)
        driver.state.stopped(1, at: driver.now)
        let answer = driver.protect(1)
        #expect(answer == .notValid)
    }
}
