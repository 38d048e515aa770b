import FoundationEssentials
import Simulation
import SimulationReport

extension SimulationResult {
    /// The figures for other programs. Times are in seconds.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let page = Page(
            command: command,
            firstSeed: seeds.lowerBound,
            lastSeed: seeds.upperBound,
            workload: workload,
            rules: campaign.map(Page.Rules.init),
            policies: figures.map { Page.Policy($0, prices) },
            variants: Dictionary(
                uniqueKeysWithValues: variants.map { subject, all in
                    (subject.rawValue, all.map { Page.Variant($0, prices) })
                }
            )
        )
        return String(decoding: try encoder.encode(page), as: UTF8.self)
    }

    private struct Page: Encodable {
        let command: String
        let firstSeed: UInt64
        let lastSeed: UInt64
        let workload: String
        let rules: Rules?
        let policies: [Policy]
        let variants: [String: [Variant]]

        struct Variant: Encodable {
            let name: String
            let jobs: Int
            let bootsPerJob: Double
            let renewals: Int
            let planWaitP50: Double
            let planWaitP95: Double
            let applyWaitP50: Double
            let applyWaitP95: Double
            let jobHours: Double
            let agentHours: Double
            let costPerRun: Double

            init(_ entry: SimulationReport.Variant, _ prices: Prices) {
                let figures = entry.figures
                name = entry.name
                jobs = figures.jobs
                bootsPerJob = figures.bootsPerJob
                renewals = figures.renewals
                planWaitP50 = Double(figures.planWaits.quantile(thousandths: 500)) / 1_000
                planWaitP95 = Double(figures.planWaits.quantile(thousandths: 950)) / 1_000
                applyWaitP50 = Double(figures.applyWaits.quantile(thousandths: 500)) / 1_000
                applyWaitP95 = Double(figures.applyWaits.quantile(thousandths: 950)) / 1_000
                jobHours = Double(figures.busyTime) / 3_600_000
                agentHours = figures.agentHours
                costPerRun = figures.costPerRun(prices)
            }
        }

        struct Rules: Encodable {
            let seeds: Int
            let runs: Int
            let jobs: Int
            let starved: Int
            let leftOver: Int
            let brokenSeeds: [UInt64]
            /// How often each kind was played.
            let faults: [String: Int]

            init(_ campaign: SafetyCampaign) {
                seeds = campaign.seeds
                let tally = campaign.tally
                runs = tally.runs
                jobs = tally.jobs
                starved = tally.starved
                leftOver = tally.leftOver
                faults = Dictionary(
                    uniqueKeysWithValues: Fault.allCases.map { ("\($0)", tally.played[$0]) }
                )
                brokenSeeds = campaign.failures.map(\.seed)
            }
        }

        struct Policy: Encodable {
            let policy: String
            let runs: Int
            let jobs: Int
            let killedBusy: Int
            let lostRuns: Int
            let unfinished: Int
            let waitP50: Double
            let waitP95: Double
            let waitMax: Double
            let bootsPerJob: Double
            let agentHours: Double
            let idleShare: Double
            let costPerRun: Double
            let callsPerJob: Double
            let leftRunning: Double

            init(_ figures: Figures, _ prices: Prices) {
                policy = figures.policy.rawValue
                runs = figures.runs
                jobs = figures.jobs
                killedBusy = figures.killedBusy
                lostRuns = figures.lostRuns
                unfinished = figures.unfinished
                waitP50 = Double(figures.waits.quantile(thousandths: 500)) / 1_000
                waitP95 = Double(figures.waits.quantile(thousandths: 950)) / 1_000
                waitMax = Double(figures.waits.longest) / 1_000
                bootsPerJob = figures.bootsPerJob
                agentHours = figures.agentHours
                idleShare = figures.idleShare
                costPerRun = figures.costPerRun(prices)
                callsPerJob = figures.callsPerJob
                leftRunning = Double(figures.leftRunning) / Double(max(1, figures.worlds))
            }
        }
    }
}
