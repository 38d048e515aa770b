import AgentLink
import Model
import Testing

@testable import Simulation

/// Whole stories, each as one number: a change of the code that is not meant to change what happens
/// is held against them.
@Suite("Simulation, digest of stories")
struct StoryDigestTests {
    /// By seed. The failing test prints the table as it would stand.
    private static let known: [UInt64: UInt64] = [
        1: 0x0bb2_f131_15ad_6e6c,
        2: 0x9030_2fb1_d37d_6dd4,
        3: 0x4d5e_8ccf_5b03_761d,
        4: 0x7d4d_eb27_3f7e_9c81,
        5: 0xcd17_e80b_8c6d_7b05,
        6: 0x5a43_c174_1d44_03b3,
        7: 0x23fb_5efc_71d6_0f7d,
        8: 0x5e9e_942a_ac55_6ad7,
        9: 0xbf83_ed45_ab61_68aa,
        10: 0x7b23_6337_2909_7c7d,
        11: 0xd7b7_299c_f127_920d,
        12: 0xf55c_e543_39fa_155e,
    ]

    private static let seeds: ClosedRange<UInt64> = 1...12

    @Test("the stories of a handful of seeds are what they were")
    func storiesStay() {
        var found: [UInt64: UInt64] = [:]
        var modes: Set<AgentMode> = []
        var faults: Set<Fault> = []
        var lines = 0
        for seed in Self.seeds {
            let world = Self.world(seed)
            found[seed] = world.digest.value
            modes.insert(world.setup.mode)
            faults.formUnion(Fault.allCases.filter { world.setup.faults[$0] != 0 })
            lines += world.lines
        }
        #expect(modes == Set(AgentMode.allCases))
        #expect(faults == Set(Fault.allCases), "each fault is on in some story")
        #expect(lines > 20_000)
        let table = found.sorted { $0.key < $1.key }
            .map { "\($0): \(Self.literal($1))," }.joined(separator: "\n        ")
        #expect(
            found == Self.known,
            """
            a seed tells another story. If that is meant, say in the commit which change of what \
            happens it is, and put these values into the table above:
                    \(table)
            """
        )
    }

    @Test("the digest is FNV-1a with 64 bits")
    func digest() {
        // Published with the algorithm (Fowler, Noll, Vo, "test vectors").
        let vectors: [(String, UInt64)] = [
            ("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ]
        for (text, value) in vectors {
            var digest = Digest()
            digest.add(text)
            #expect(digest.value == value)
        }
    }

    /// FNV-1a: the same number on every machine and with every version of the library.
    private struct Digest {
        private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

        mutating func add(_ text: String) {
            for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
    }

    /// As it stands in the table: sixteen digits in groups of four.
    private static func literal(_ value: UInt64) -> String {
        let groups = (0..<4).reversed().map { group in
            let digits = String(value >> (16 * UInt64(group)) & 0xffff, radix: 16)
            return String(repeating: "0", count: 4 - digits.count) + digits
        }
        return "0x" + groups.joined(separator: "_")
    }

    private struct Told {
        let setup: Setup
        var digest = Digest()
        var lines = 0
    }

    /// Hours with the faults that the seed draws, in one to three pools, and some of calm.
    private static func world(_ seed: UInt64) -> Told {
        let trial = SafetyTrial(seed: seed)
        var setup = trial.setup
        setup.pools = 1 + Int(seed % 3)
        var told = Told(setup: setup)
        var now: () -> Milliseconds = { 0 }
        let region = Region(
            setup,
            workload: RandomWorkload(
                seed: seed,
                hours: Array(repeating: 30, count: 24),
                runs: 90,
                pools: setup.pools,
                clump: 3,
                startsAt: 1.minutes
            ),
            policy: PolicyKind.ours.make()
        ) { line in
            told.digest.add("\(now()) \(line)\n")
            told.lines += 1
        }
        defer { region.close() }
        let world = region.world
        now = { [unowned world] in world.now }
        world.run(until: trial.trouble)
        region.calmDown()
        world.run(until: world.now + 4.hours)
        return told
    }
}
