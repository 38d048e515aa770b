import Decisions
import Model
import Testing

@testable import Simulation

/// What the module behind the policy holds itself to (aws-ia/terraform-aws-tf-cloud-agents): the service
/// wants as many agents as were asked for, always (a postcondition in main.tf), and runs on them end
/// without a failure (tests/02_integration.tftest.hcl).
@Suite("Simulation, the fixed pool by its own tests")
struct FixedPoolTests {
    @Test(
        "the service wants the same count at every moment, and no run is lost",
        arguments: [1, 4]
    )
    func count(_ agents: Int) throws {
        let limits = try #require(Limits(desiredCount: 0, maxCount: agents, spareCount: 0))
        let workload = WorkloadKind.daily.make(seed: 1, perHour: 10, runs: 40, pools: 1, clump: 1)
        let region = Region(
            Setup(seed: 1, limits: limits),
            workload: workload,
            policy: FixedPolicy()
        )
        defer { region.close() }
        let world = region.world
        var counts: Set<Int> = []
        while !region.isWorkDone, world.now < 72.hours {
            world.run(until: world.now + 10.minutes) {
                counts.formUnion(region.pools.map(\.service.desired))
                return true
            }
        }
        #expect(counts == [agents])
        #expect(world.tally.runs == 40)
        #expect(world.openRuns + world.tally.lostRuns == 0)
    }
}
