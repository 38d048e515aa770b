import AgentLink
import ArgumentParser
import Decisions
import FoundationEssentials
import Glibc
import Model
import Simulation
import SimulationReport

/// What `rehearsal simulate` does, step by step.
struct Simulator {
    let command: SimulateCommand
    let stops: Interruption
    private let kinds: [PolicyKind]
    let limits: Limits
    let prices: Prices
    private let clock = ContinuousClock()

    init(_ command: SimulateCommand, _ stops: Interruption) throws {
        self.command = command
        self.stops = stops
        kinds = try command.kinds()
        limits = command.limits ?? .fallback
        prices = command.priceList
    }

    func run() throws {
        if let path = command.seedOptions.script { return try play(script: path) }
        if command.seedOptions.story { return try story() }
        if command.seedOptions.growth { return try growth() }
        let scenario = try scenario()
        if command.runs.recommend { return try recommend(scenario) }
        if let broken = command.seedOptions.broken { return try breakSafeguard(broken) }

        try checkPlaces()
        if !command.output.json { say(headline) }
        var result = SimulationResult(command: commandLine, limits: limits, prices: prices)
        result.seeds = command.seeds
        if kinds.contains(.ours) {
            let campaign = try rules()
            result.campaign = campaign
            if !command.output.json { printRules(campaign) }
            fflush(nil)
        }
        let started = clock.now
        result.figures = try compare(scenario)
        if !command.output.json { printFigures(result.figures, started.duration(to: clock.now)) }
        for (subject, ways) in command.variants {
            let variants = try compare(ways, scenario, result.figures)
            result.variants[subject] = variants
            if !command.output.json {
                print("\n" + VariantsTable(subject, variants, prices).text)
                for entry in variants where entry.figures.foreseen > 0 {
                    print(
                        "\(entry.name): \(Numbers.whole(entry.figures.foreseen)) applies were "
                            + "foreseen, \(Numbers.whole(entry.figures.foreseenInTime)) came in time"
                    )
                }
            }
        }
        result.workload = workloadTitle
        if command.output.report != nil || command.output.picture != nil {
            result.choices = try sweep(scenario)
            try write(result)
        }
        if command.output.json { print(try result.json()) }
        if let campaign = result.campaign, !campaign.failures.isEmpty { throw ExitCode(1) }
    }

    // MARK: Rules

    private var replacement: Replacement? { command.seedOptions.replacement }

    private func rules() throws -> SafetyCampaign {
        var campaign = SafetyCampaign()
        let progress = Progress(isOn: !command.output.quiet)
        let total = command.seedOptions.seeds
        let isDone = campaign.play(command.seeds, replacement: replacement) { soFar in
            progress.say("rules: \(soFar.seeds) of \(total) seeds, \(soFar.failures.count) broken")
            return !stops.isAsked
        }
        progress.end()
        if !isDone {
            printRules(campaign)
            throw SimulationFault(text: "interrupted", code: 130)
        }
        return campaign
    }

    private func printRules(_ campaign: SafetyCampaign) {
        let tally = campaign.tally
        print(
            "rules: \(Numbers.whole(campaign.seeds)) seeds with faults, "
                + "\(Numbers.whole(tally.runs)) runs, \(Numbers.whole(tally.jobs)) jobs, "
                + "\(Numbers.whole(tally.events)) events: "
                + (campaign.failures.isEmpty
                    ? "every rule held" : "\(campaign.failures.count) seeds broke a rule")
        )
        print(
            "       \(tally.starved) runs starved, \(tally.leftOver) agents left over, "
                + "\(tally.lostToOutside) jobs lost with a host, a crash or an outside stop"
        )
        if tally.takenBare > 0 {
            print(
                "       \(tally.takenBare) agents that were known to be unprotected were stopped "
                    + "by a deployment or with their service"
            )
        }
        if tally.kept > 0 {
            print("       \(tally.kept) agents stay whose last line nobody could read")
        }
        if tally.bothAway > 0 {
            print(
                "       \(tally.bothAway) times an agent had to run unprotected and unknown to "
                    + "the ledger: both were away"
            )
        }
        print("faults played:")
        let rows = Fault.allCases.map { ["  " + $0.title, Numbers.whole(tally.played[$0])] }
        print(TextTable(rows, leading: 1).text)
        for failure in campaign.failures.prefix(10) {
            print("       seed \(failure.seed):")
            for violation in failure.violations.prefix(3) { print("         \(violation)") }
        }
    }

    private func breakSafeguard(_ broken: Safeguard) throws {
        say("\(broken.rawValue) is switched off: \(broken.meaning)")
        say("seeds \(command.seeds.lowerBound) to \(command.seeds.upperBound)")
        var campaign = SafetyCampaign()
        let progress = Progress(isOn: !command.output.quiet)
        let isDone = campaign.play(
            command.seeds,
            broken: broken,
            replacement: replacement,
            stopsAtFailure: true
        ) { soFar in
            progress.say("\(soFar.seeds) seeds without a broken rule")
            return !stops.isAsked
        }
        progress.end()
        guard isDone else { throw SimulationFault(text: "interrupted", code: 130) }
        guard let failure = campaign.failures.first else {
            print("no rule was broken in \(campaign.seeds) seeds")
            return
        }
        print("seed \(failure.seed) breaks a rule:")
        for violation in failure.violations.prefix(5) { print("  \(violation)") }
        print(
            "see it: rehearsal simulate --story --seed \(failure.seed) --break \(broken.rawValue)"
        )
        throw ExitCode(1)
    }

    private func story() throws {
        let seed = command.seedOptions.seed
        let trial = SafetyTrial(
            seed: seed,
            broken: command.seedOptions.broken,
            replacement: replacement
        )
        print("seed \(seed): \(trial.description)")
        let outcome = trial.play { line in print(line) }
        for violation in outcome.violations { print(violation) }
        if !outcome.violations.isEmpty { throw ExitCode(1) }
        print("every rule held: \(outcome.tally.runs) runs, \(outcome.tally.jobs) jobs")
    }

    // MARK: Figures

    private func scenario() throws -> Scenario {
        var setup = Setup(seed: command.seedOptions.seed, limits: limits)
        setup.pools = command.pools
        setup.mode = command.service.mode
        setup.maxJobs = command.service.maxJobs > 0 ? command.service.maxJobs : nil
        setup.coldJob = command.service.coldSeconds * 1_000
        setup.idleTimeout = command.service.idleSeconds * 1_000
        setup.spotInterruptions = command.service.spotInterruptions
        setup.firstJobTimeout = command.service.firstJobSeconds * 1_000
        var scenario = Scenario(setup, .drawn(command.runs.workload))
        if let path = command.runs.trace {
            scenario = Scenario(setup, .trace(try trace(path)))
        }
        scenario.perHour = command.runs.rate
        scenario.runs = command.runCount
        scenario.clump = command.runs.burst
        scenario.mix.canceled = command.runs.canceledPercent * 10
        scenario.mix.autoApplied = command.runs.autoApplyPercent * 10
        scenario.mix.unasked = command.runs.autoApplySeconds * 1_000
        scenario.mix.plan = command.runs.planSeconds * 1_000
        scenario.mix.approval = command.runs.approvalSeconds * 1_000
        scenario.mix.apply = command.runs.applySeconds * 1_000
        return scenario
    }

    private func trace(_ path: String) throws -> Trace {
        let text = try contents(of: path)
        do throws(TraceFault) {
            return try Trace(csv: text)
        } catch {
            throw SimulationFault(text: "\(path), \(error)", code: 2)
        }
    }

    /// A trace has the same runs whatever the seed; only the chances of AWS differ.
    private var figureSeeds: ClosedRange<UInt64> {
        command.runs.trace == nil
            ? command.seeds
            : command.seeds.lowerBound...min(command.seeds.upperBound, command.seeds.lowerBound + 9)
    }

    private func compare(_ scenario: Scenario) throws -> [Figures] {
        var all: [Figures] = []
        for kind in kinds {
            do {
                all.append(try play(kind, scenario, named: kind.rawValue))
            } catch {
                if !all.isEmpty { print(FiguresTable(all, prices).text) }
                throw error
            }
        }
        return all
    }

    /// What the options say has been played already, where this project was compared.
    private func compare(_ ways: [Way], _ scenario: Scenario, _ known: [Figures]) throws
        -> [Variant]
    {
        try ways.map { way in
            if way.isAsked, let ours = known.first(where: { $0.policy == .ours }) {
                return Variant(way.name, ours)
            }
            var scenario = scenario
            way.take(&scenario.setup)
            return Variant(way.name, try play(.ours, scenario, named: way.name))
        }
    }

    private func play(_ kind: PolicyKind, _ scenario: Scenario, named name: String) throws
        -> Figures
    {
        let progress = Progress(isOn: !command.output.quiet)
        defer { progress.end() }
        var sum = Figures(policy: kind)
        for seed in figureSeeds {
            let stops = stops
            let say = { (runs: Int) in
                progress.say("\(name): seed \(seed), \(Numbers.whole(runs)) runs")
                return !stops.isAsked
            }
            guard say(0), let figures = scenario.play(kind, seed: seed, progress: say),
                !stops.isAsked
            else {
                throw SimulationFault(
                    text: "interrupted in \(name) after \(sum.runs) runs",
                    code: 130
                )
            }
            sum.add(figures)
        }
        return sum
    }

    private func printFigures(_ figures: [Figures], _ time: Duration) {
        print("\n" + FiguresTable(figures, prices).text)
        for entry in figures where entry.unfinished > 0 {
            print("\(entry.policy.rawValue): \(entry.unfinished) runs never got an agent")
        }
        let jobs = figures.reduce(0) { $0 + $1.jobs }
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        let usage = usage
        let busy = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
        print(
            "\n\(Numbers.whole(jobs)) jobs in \(Numbers.fixed(seconds, 1)) s "
                + "(\(Numbers.fixed(busy, 1)) s of processor time with the rules); "
                + "at most \(usage.ru_maxrss / 1_024) MB of memory"
        )
    }

    private var usage: rusage {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage
    }

    private func sweep(_ scenario: Scenario) throws -> [Choice] {
        let first = command.seeds.lowerBound
        // A twentieth of the seeds is enough for a curve.
        let last = first + UInt64(max(0, command.seedOptions.seeds / 20))
        return try play(
            LimitsSweep(scenario, seeds: first...last),
            LimitsSweep.chartPoints(maxCount: limits.maxCount)
        ).choices
    }

    func play(_ sweep: LimitsSweep, _ points: [LimitsSweep.Point]) throws -> LimitsSweep {
        var sweep = sweep
        let progress = Progress(isOn: !command.output.quiet)
        let isDone = sweep.play(points) { number in
            progress.say("limits: \(number) of \(points.count)")
            return !stops.isAsked
        }
        progress.end()
        guard isDone else { throw SimulationFault(text: "interrupted", code: 130) }
        return sweep
    }

    // MARK: Words

    /// At once, also into a pipe: what follows may take minutes.
    func say(_ text: String) {
        print(text)
        fflush(nil)
    }

    private var commandLine: String {
        "rehearsal " + CommandLine.arguments.dropFirst().joined(separator: " ")
    }

    private var workloadTitle: String {
        if command.runs.trace != nil { return "a trace" }
        let kind = command.runs.workload
        return "\(kind.rawValue): \(kind.title)"
    }

    var headline: String {
        """
        \(commandLine)
        seeds \(command.seeds.lowerBound) to \(command.seeds.upperBound); \
        desired_count \(limits.desiredCount), max_count \(limits.maxCount), spare_count \
        \(limits.spareCount), \(command.service.mode.rawValue), idle limit \
        \(command.service.idleSeconds) s, \(command.pools) pool\(command.pools == 1 ? "" : "s")
        runs: \(workloadTitle)
        """
    }

    /// Minutes of work must not end in a file that cannot be written.
    private func checkPlaces() throws {
        for path in [command.output.report, command.output.picture].compactMap({ $0 }) {
            let folder = URL(filePath: path).deletingLastPathComponent().path
            guard FileManager.default.isWritableFile(atPath: folder) else {
                throw SimulationFault(
                    text: "\(path) cannot be written: \(folder) is not a folder for it",
                    code: 2
                )
            }
        }
    }

    private func write(_ result: SimulationResult) throws {
        let report = ResultPage(result)
        let files = [
            (command.output.report, report.html), (command.output.picture, report.picture),
        ]
        for case (let path?, let text) in files {
            try save(text, path)
            if !command.output.json { print("wrote \(path)") }
        }
    }
}

func contents(of path: String) throws(SimulationFault) -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
        throw SimulationFault(text: "\(path) cannot be read", code: 2)
    }
    guard let text = String(data: data, encoding: .utf8) else {
        throw SimulationFault(text: "\(path) is not UTF-8 text", code: 2)
    }
    return text
}

func save(_ text: String, _ path: String) throws(SimulationFault) {
    do {
        try Data(text.utf8).write(to: URL(filePath: path))
    } catch {
        throw SimulationFault(text: "\(path) cannot be written: \(error)", code: 2)
    }
}
