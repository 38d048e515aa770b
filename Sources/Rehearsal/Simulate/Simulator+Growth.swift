import AgentLink
import Model
import Simulation
import SimulationReport

extension Simulator {
    /// Services of more and more agents with one-minute jobs, close to what they can do.
    private static let trials: [GrowthTrial] = [
        GrowthTrial(agents: 10, mode: .single, load: 40),
        GrowthTrial(agents: 100, mode: .single, load: 40),
        GrowthTrial(agents: 1_000, mode: .single, load: 40),
        GrowthTrial(agents: 1_000, mode: .single, load: 60),
        GrowthTrial(agents: 10, mode: .shared, load: 80),
        GrowthTrial(agents: 100, mode: .shared, load: 90),
        GrowthTrial(agents: 1_000, mode: .shared, load: 95),
    ]

    private static let columns = [
        "agents", "mode", "jobs/s", "known", "writes/job", "write units/s", "read units/s",
        "throttled", "departure p50", "p99", "longest", "one item",
    ]

    /// What one service's ledger takes as the service grows, and where it gives up.
    func growth() throws {
        say("one service under DynamoDB's and ECS's limits: \(GrowthTrial.length / 60_000) minutes")
        let progress = Progress(isOn: !command.output.quiet)
        var rows: [(trial: GrowthTrial, outcome: GrowthTrial.Outcome)] = []
        for trial in Self.trials {
            progress.say("\(trial.agents) agents, \(trial.mode.rawValue)")
            guard !stops.isAsked else {
                progress.end()
                throw SimulationFault(text: "interrupted", code: 130)
            }
            rows.append((trial, trial.play()))
        }
        progress.end()
        print(table(rows))
        print(limits(rows))
    }

    private func table(_ rows: [(trial: GrowthTrial, outcome: GrowthTrial.Outcome)]) -> String {
        let cells = rows.map { trial, outcome in
            [
                Numbers.whole(trial.agents), trial.mode.rawValue,
                Numbers.fixed(outcome.jobsPerSecond, 1), Numbers.whole(outcome.jobsAtOnce),
                Numbers.fixed(outcome.writesPerJob, 1),
                Numbers.fixed(outcome.writeUnitsPerSecond, 0),
                Numbers.fixed(outcome.readUnitsPerSecond, 0), Numbers.whole(outcome.throttles),
            ]
                + [500, 990, 1_000].map {
                    Numbers.fixed(
                        Double(outcome.departures.quantile(thousandths: $0)) / 1_000,
                        2
                    ) + " s"
                } + [Numbers.whole(Int(outcome.ofOneItem))]
        }
        return TextTable([Self.columns] + cells).text
    }

    private func limits(_ rows: [(trial: GrowthTrial, outcome: GrowthTrial.Outcome)]) -> String {
        let tooMuch = rows.first { $0.outcome.ofOneItem > Double(GrowthTrial.writeLimit) }
        let one =
            tooMuch.map {
                "One item for everything would give up with \(Numbers.whole($0.outcome.jobsAtOnce)) "
                    + "jobs at once and \(Numbers.fixed($0.outcome.jobsPerSecond, 1)) a second: "
                    + "\(Numbers.whole(Int($0.outcome.ofOneItem))) write units a second"
            } ?? "One item for everything would do here"
        let most = rows.max { $0.outcome.readUnitsPerSecond < $1.outcome.readUnitsPerSecond }
        guard let most, most.outcome.readUnitsPerSecond > 0 else { return one }
        let known = Double(most.outcome.jobsAtOnce) * Double(GrowthTrial.readLimit)
        let limit = Int(known / most.outcome.readUnitsPerSecond)
        return one + ", of the \(Numbers.whole(GrowthTrial.writeLimit)) that a partition has.\n"
            + "This ledger's writes do not grow with the jobs. Its reads reach "
            + "\(Numbers.whole(GrowthTrial.readLimit)) units a second with about "
            + "\(Numbers.whole(limit)) jobs at once, waiting ones included "
            + "(\(Numbers.fixed(most.outcome.jobsPerSecond, 1)) a second)."
    }
}
