import AgentLink
import ArgumentParser
import Decisions
import Glibc
import Model
import Simulation
import SimulationReport

extension PolicyKind: ExpressibleByArgument {}
extension Safeguard: ExpressibleByArgument {}
extension WorkloadKind: ExpressibleByArgument {}

/// `rehearsal simulate`.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "The same decisions in virtual time, with faults, beside other policies.",
        discussion: """
            First the rules: each seed draws a small service, some hours of faults and
            then calm. Ledger, sidecar and launcher decide as they do in production, and
            after every event the rules of the README are checked. In the end every run
            must be over and the service at rest.

            Then the figures: the same seeds give days of runs, and each policy serves
            them in the same world.

              rehearsal simulate --seeds 1000
              rehearsal simulate --seeds 1000 --break protection
              rehearsal simulate --seeds 1000 --policy all --report out.html
              rehearsal simulate --trace runs.csv --recommend --wait-target 60
              rehearsal simulate --seeds 1000 --modes
              rehearsal simulate --seeds 1000 --canceled-percent 10 --notifications
              rehearsal simulate --story --seed 17
              rehearsal simulate --script FILE
              rehearsal simulate --growth

            A seed has the same result on every machine. Exit code 0: every rule held.
            1: one did not, or no choice keeps the target. 2: a file cannot be used.
            64: the options contradict each other. 130: interrupted.
            """
    )

    @OptionGroup(title: "Seeds and rules") var seedOptions: SeedOptions
    @OptionGroup(title: "Service") var service: ServiceOptions
    @OptionGroup(title: "Runs") var runs: RunOptions
    @OptionGroup(title: "Prices in US dollars") var prices: PriceOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    struct SeedOptions: ParsableArguments {
        @Option(help: "How many seeds are played.") var seeds = 100
        @Option(help: "The first seed.") var seed: UInt64 = 1
        @Option(
            name: .customLong("break"),
            help: "Switches a safeguard off: the rules must notice."
        )
        var broken: Safeguard?
        @Option(
            help: """
                What ECS starts in place of a task that ends while a deployment is open: the same \
                revision or the primary one; AWS documents both. By the seed if not given.
                """
        )
        var replacement: Replacement?
        @Flag(help: "Tells everything that happens in the one world of --seed.") var story = false
        @Option(
            help: """
                Tells one world that goes the way of a script, which rehearsal explore writes; \
                without its line "break" with every safeguard on.
                """
        ) var script: String?
        @Flag(
            help: """
                One service of 10 to 1,000 agents with one-minute jobs: what its ledger takes of \
                DynamoDB, how long departures take, and where it gives up.
                """
        ) var growth = false
        @Option(
            help: "Policies to compare: all, or names with commas (\(PolicyKind.names))."
        ) var policy: String = "ours"
    }

    struct ServiceOptions: ParsableArguments {
        @Option(help: "desired_count.") var desiredCount = 0
        @Option(name: .customLong("max"), help: "max_count.") var maxCount: Int?
        @Option(name: .customLong("spare"), help: "spare_count.") var spareCount = 0
        @Option(
            help: """
                single: each job has a task of its own; renewed: an agent of its own in a renewed \
                container; shared: whatever agent is idle.
                """
        )
        var mode = AgentMode.shared
        @Flag(help: "Plays the three modes beside each other, in a table of their own.")
        var modes = false
        @Flag(help: "Plays without and with notifications of runs that are over.")
        var notifications = false
        @Flag(help: "Plays fixed idle limits, and ones that are learned from run task calls.")
        var idleLimits = false
        @Flag(
            help: """
                Plays without and with applies that are announced at post_plan, where a workspace's \
                last ones followed within a boot's time.
                """
        )
        var foresight = false
        @Option(
            help: """
                How many of 1,000 agents on Spot are interrupted within an hour, for spot-plans; AWS \
                does not say.
                """
        )
        var spotInterruptions = 0
        @Option(help: "MAX_JOBS in renewed mode, 0 for no limit.") var maxJobs = 0
        @Option(
            help: """
                Seconds that a job takes longer on an agent that has had none: it has no Terraform \
                cached yet.
                """
        )
        var coldSeconds = 3
        @Option(help: "IDLE_TIMEOUT_SECONDS.") var idleSeconds = 120
        @Option(help: "FIRST_JOB_TIMEOUT_SECONDS.") var firstJobSeconds = 300
        @Option(help: "Agent pools, each with a service of its own.") var pools: Int?
    }

    struct RunOptions: ParsableArguments {
        @Option(help: "steady, daily, burst or scale-test.") var workload = WorkloadKind.daily
        @Option(help: "A CSV file of your own runs instead; see Sources/Simulation/README.md.")
        var trace: String?
        @Option(help: "Runs in each world.") var runs: Int?
        @Option(help: "Runs in an hour, on average over the day.") var rate = 20
        @Option(help: "Runs that come together in a burst.") var burst = 20
        @Option(help: "Average plan.") var planSeconds = 90
        @Option(help: "Average time until a plan is confirmed.") var approvalSeconds = 300
        @Option(help: "Average apply.") var applySeconds = 150
        @Option(help: "Of 100 runs, how many are canceled; traces have their own.")
        var canceledPercent = RandomWorkload.Mix().canceled / 10
        @Option(help: "Of 100 workspaces, how many apply without asking anybody.")
        var autoApplyPercent = 0
        @Option(help: "Average time from such a plan to its apply.")
        var autoApplySeconds = RandomWorkload.Mix().unasked / 1_000
        @Flag(help: "Finds the cheapest limits whose waits keep --wait-target.")
        var recommend = false
        @Option(help: "Seconds that 95 of 100 jobs may wait, for --recommend.")
        var waitTarget = 60
    }

    struct PriceOptions: ParsableArguments {
        @Option(help: "A vCPU for an hour.") var vcpuHour = Prices().vcpuHour
        @Option(help: "A GB of memory for an hour.") var gbHour = Prices().gigabyteHour
        @Option(help: "vCPUs of a task.") var vcpus = Prices().vcpus
        @Option(help: "GB of memory of a task.") var gb = Prices().gigabytes
        @Option(help: "Per cent by which Spot is cheaper, for spot-plans; AWS says up to 70.")
        var spotDiscount = Int(Prices().spotDiscount * 100)
        @Option(help: "A central controller for an hour, for the policies that have one.")
        var controllerHour = Prices().controllerHour
    }

    struct OutputOptions: ParsableArguments {
        @Option(help: "Writes one HTML file with table and charts.") var report: String?
        @Option(help: "Writes the charts as one SVG file.") var picture: String?
        @Flag(help: "Prints the figures as JSON instead of text.") var json = false
        @Flag(help: "No progress on standard error.") var quiet = false
    }

    func validate() throws {
        guard (1...1_000_000).contains(seedOptions.seeds) else {
            throw ValidationError("--seeds is \(seedOptions.seeds); expected 1 to 1000000")
        }
        guard seedOptions.seed <= UInt64(Int.max) else {
            throw ValidationError("--seed is too large; expected 0 to \(Int.max)")
        }
        _ = try kinds()
        let bounds: [(String, Int, ClosedRange<Int>)] = [
            ("--runs", runs.runs ?? 1, 1...10_000_000),
            ("--rate", runs.rate, 1...1_000_000),
            ("--burst", runs.burst, 1...100_000),
            ("--plan-seconds", runs.planSeconds, 1...86_400),
            ("--approval-seconds", runs.approvalSeconds, 1...604_800),
            ("--apply-seconds", runs.applySeconds, 1...86_400),
            ("--wait-target", runs.waitTarget, 1...86_400),
            ("--idle-seconds", service.idleSeconds, 1...86_400),
            ("--first-job-seconds", service.firstJobSeconds, 1...86_400),
            ("--canceled-percent", runs.canceledPercent, 0...RandomWorkload.Mix.mostCanceled / 10),
            ("--auto-apply-percent", runs.autoApplyPercent, 0...100),
            ("--auto-apply-seconds", runs.autoApplySeconds, 1...3_600),
            ("--spot-discount", prices.spotDiscount, 0...100),
            ("--spot-interruptions", service.spotInterruptions, 0...1_000),
            ("--max-jobs", service.maxJobs, 0...1_000_000),
            ("--cold-seconds", service.coldSeconds, 0...3_600),
            ("--pools", service.pools ?? 1, 1...1_000),
            ("--max", service.maxCount ?? 1, 1...5_000),
        ]
        for (name, value, range) in bounds where !range.contains(value) {
            throw ValidationError(
                "\(name) is \(value); expected \(range.lowerBound) to \(range.upperBound)"
            )
        }
        let amounts = [
            ("--vcpu-hour", prices.vcpuHour), ("--gb-hour", prices.gbHour),
            ("--vcpus", prices.vcpus), ("--gb", prices.gb),
            ("--controller-hour", prices.controllerHour),
        ]
        for (name, value) in amounts where !(value >= 0 && value < 1e6) {
            throw ValidationError("\(name) is \(value); expected 0 or more")
        }
        guard limits != nil else {
            throw ValidationError(
                "--desired-count \(service.desiredCount), --max \(maxCount) and --spare "
                    + "\(service.spareCount) contradict each other: none may be negative, and "
                    + "desired_count is at most max_count"
            )
        }
        let isAlone = !seedOptions.story && !seedOptions.growth && !runs.recommend
        if seedOptions.script != nil, !isAlone || seedOptions.broken != nil {
            throw ValidationError("--script is a world of its own, and says what is switched off")
        }
        if runs.recommend, seedOptions.broken != nil || seedOptions.story {
            throw ValidationError("--recommend goes with neither --break nor --story")
        }
    }

    func run() throws {
        let stops = Interruption()
        do {
            try Simulator(self, stops).run()
        } catch let fault as SimulationFault {
            complain(fault.text)
            throw ExitCode(fault.code)
        }
    }

    // MARK: What the options mean

    var isScaleTest: Bool { runs.trace == nil && runs.workload == .scaleTest }
    var pools: Int { service.pools ?? (isScaleTest ? 16 : 1) }
    var maxCount: Int { service.maxCount ?? (isScaleTest ? 50 : 20) }
    var runCount: Int { runs.runs ?? (isScaleTest ? 1_600 : 480) }

    var limits: Limits? {
        Limits(
            desiredCount: service.desiredCount,
            maxCount: maxCount,
            spareCount: service.spareCount
        )
    }

    var seeds: ClosedRange<UInt64> {
        seedOptions.seed...seedOptions.seed + UInt64(seedOptions.seeds - 1)
    }

    /// The ways to run this project that are to be compared.
    var variants: [(subject: VariantSubject, ways: [Way])] {
        var variants: [(subject: VariantSubject, ways: [Way])] = []
        if service.modes {
            let ways = AgentMode.allCases.map { mode in
                Way(mode.rawValue, isAsked: mode == service.mode) { $0.mode = mode }
            }
            variants.append((.mode, ways))
        }
        if service.notifications {
            let ways = [
                Way("without", isAsked: true) { $0.notifies = false },
                Way("with", isAsked: false) { $0.notifies = true },
            ]
            variants.append((.notifications, ways))
        }
        if service.foresight {
            let ways = [
                Way("without", isAsked: true) { $0.foresees = false },
                Way("with", isAsked: false) { $0.foresees = true },
            ]
            variants.append((.foresight, ways))
        }
        if service.idleLimits { variants.append((.idle, Way.idleLimits)) }
        return variants
    }

    func kinds() throws -> [PolicyKind] {
        if seedOptions.policy == "all" { return PolicyKind.allCases }
        return try seedOptions.policy.split(separator: ",").map { name in
            guard let kind = PolicyKind(rawValue: String(name)) else {
                throw ValidationError(
                    "--policy knows no \"\(name)\"; expected all, or some of \(PolicyKind.names)"
                )
            }
            return kind
        }
    }

    var priceList: Prices {
        var list = Prices()
        list.vcpuHour = prices.vcpuHour
        list.gigabyteHour = prices.gbHour
        list.vcpus = prices.vcpus
        list.gigabytes = prices.gb
        list.controllerHour = prices.controllerHour
        list.spotDiscount = Double(prices.spotDiscount) / 100
        return list
    }
}

/// One way to run this project.
struct Way {
    let name: String
    /// It is what the other options say.
    let isAsked: Bool
    let take: (inout Setup) -> Void

    init(_ name: String, isAsked: Bool, _ take: @escaping (inout Setup) -> Void) {
        self.name = name
        self.isAsked = isAsked
        self.take = take
    }

    /// Limits in seconds, and jobs in an hour that idle agents are worth.
    static var idleLimits: [Way] {
        let fixed = [60, 120, 200, 300, 450, 600, 900, 1_200].map { seconds in
            Way("\(seconds) s", isAsked: false) { setup in
                setup.idleTimeout = seconds * 1_000
                setup.firstJobTimeout = max(300, seconds) * 1_000
            }
        }
        let learned = [[12, 60], [7, 42], [6, 24, 72], [6, 18, 36], [5, 12, 24, 42, 60]].map {
            worth in
            Way(worth.map { "\($0)" }.joined(separator: "/"), isAsked: false) { setup in
                setup.idleTimeout = 60_000
                setup.idleWorth = worth
            }
        }
        return fixed + learned
    }
}

extension PolicyKind {
    fileprivate static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

/// Why a simulation ends early, and the exit code.
struct SimulationFault: Error {
    let text: String
    let code: Int32
}

func complain(_ text: String) {
    let bytes = Array("rehearsal: \(text)\n".utf8)
    _ = write(2, bytes, bytes.count)
}
