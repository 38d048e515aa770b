import Model
import Seeded
import Testing

@Suite("Model, service by chance")
struct ServicePropertyTests {
    /// Everything that can happen to a service, in any order.
    @Test(
        "no protected task is ever stopped, counts agree, and calm ends at the wanted count",
        arguments: 0..<400
    )
    func anything(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
        var deployed = Deployed()
        // Where both round to the same count nothing can be replaced, on ECS neither.
        let percents = [(0, 100), (0, 100), (0, 200), (50, 200), (100, 200)][below(5)]
        (deployed.minimumHealthyPercent, deployed.maximumPercent) = percents
        let replacement = Replacement.allCases[below(2)]
        var driver = ServiceDriver(deployed, replacement, desired: below(5), seed: seed)
        var living: Set<Int> = []
        for _ in 0..<300 {
            let some = living.sorted()
            let one = some.isEmpty ? 0 : some[below(some.count)]
            switch below(12) {
            case 0: driver.setDesired(below(7))
            case 1: driver.deploy(below(2) == 0 ? nil : below(8))
            case 2, 3: _ = driver.protect(one, minutes: 1 + below(60))
            case 4: driver.state.unprotect(one)
            case 5: driver.state.stopped(one, at: driver.now)
            case 6: driver.state.leaves(one, at: driver.now)
            case 7: driver.now += below(600_000)
            default: driver.state.ran(one, at: driver.now)
            }
            living = living.filter { driver.state.member($0) != nil }
            _ = driver.state.expire(at: driver.now + 1_000)
            let protected = living.filter {
                driver.state.protection(of: $0, at: driver.now + 1_000) > 0
            }
            for decision in driver.turn() {
                switch decision {
                case .start(let number, _, _): living.insert(number)
                case .stop(let number, _): #expect(!protected.contains(number), "seed \(seed)")
                }
            }
            check(driver.state, living, seed)
        }
        try calm(&driver, living, seed)
    }

    private func check(_ state: ServiceState, _ living: Set<Int>, _ seed: UInt64) {
        let members = living.compactMap { state.member($0) }
        #expect(state.present == members.count, "seed \(seed)")
        #expect(state.pending == members.count { $0.phase == .pending }, "seed \(seed)")
        #expect(state.running == members.count { $0.phase == .running }, "seed \(seed)")
        for member in members {
            #expect(state.deployments.contains { $0.id == member.deployment }, "seed \(seed)")
        }
    }

    /// A person deploys what can start, and all who are protected leave or give it back.
    private func calm(_ driver: inout ServiceDriver, _ living: Set<Int>, _ seed: UInt64) throws {
        for number in living.sorted() { driver.state.stopped(number, at: driver.now) }
        driver.now += 30 * 60_000
        driver.settle()
        try driver.state.deploy(9, at: driver.now)
        driver.settle()
        #expect(driver.state.deployments.count == 1, "seed \(seed)")
        #expect(driver.state.primary.rollout == .completed, "seed \(seed)")
        #expect(driver.state.running == driver.state.desired, "seed \(seed)")
        #expect(driver.state.present == driver.state.desired, "seed \(seed)")
    }
}
