import ArgumentParser
import Model
import Rules
import Simulation

extension Simulator {
    /// One world that goes the way of a script, told as it goes.
    func play(script path: String) throws {
        let text = try contents(of: path)
        let (script, trial): (Script, ScriptTrial)
        do {
            script = try Script(text: text)
            trial = try ScriptTrial(script)
        } catch {
            throw SimulationFault(text: "\(path), \(error)", code: 2)
        }
        let safeguard = script.broken.flatMap(Safeguard.init(rawValue:))
        print(safeguard.map { "\($0.rawValue) is switched off: \($0.meaning)" } ?? path)
        let outcome = trial.play { print($0) }
        print("\(outcome.followed) of \(script.steps.count) steps were taken")
        if let departure = outcome.departure {
            print("there the world went another way, and was left to itself: \(departure)")
        }
        for violation in outcome.violations {
            print(violation)
            print("  " + violation.rule.sentence)
        }
        guard outcome.violations.isEmpty else { throw ExitCode(1) }
        print("every rule held")
    }
}
