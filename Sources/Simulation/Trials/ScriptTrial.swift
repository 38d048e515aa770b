import AgentLink
import Decisions
package import Model
package import Rules

/// One world that is made to go the way of a ``Script``, and is then left to itself: the rules judge
/// both, and in the end it must have come to rest.
package struct ScriptTrial: Sendable {
    private let script: Script
    private let setup: Setup

    /// As for a ``SafetyTrial``, in small times: the longest of them is seven units, and wall clocks go a
    /// hundred times as fast.
    private static let calm: Milliseconds = 20.minutes
    private static let rest: Milliseconds = 5.minutes

    /// A script that cannot be played.
    package struct Refusal: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    package init(_ script: Script) throws(Refusal) {
        if let index = script.steps.firstIndex(where: { $0.act == .watch }) {
            throw Refusal(
                description: "step \(index + 1), \(script.steps[index]), cannot be simulated: "
                    + "no sidecar asks the agents API there"
            )
        }
        let stage = script.stage
        guard stage.mode != .renewed else {
            throw Refusal(
                description: "mode=renewed cannot be simulated by a script: "
                    + "what strikes a renewal is drawn there, not asked for"
            )
        }
        guard
            let limits = Limits(desiredCount: stage.floor, maxCount: stage.most, spareCount: 0)
        else {
            throw Refusal(description: "floor \(stage.floor) and most \(stage.most) are no limits")
        }
        var setup = Setup(seed: 1, limits: limits)
        if let broken = script.broken {
            guard let safeguard = Safeguard(rawValue: broken) else {
                throw Refusal(
                    description:
                        "the simulation has no safeguard \(broken) that it could switch off"
                )
            }
            setup.broken = safeguard
        }
        setup.mode = stage.mode == .single ? .single : .shared
        setup.replacement = stage.replacement
        setup.endpoints = max(1, stage.jobs)
        setup.protection = stage.protection * 1.seconds
        setup.idleTimeout = 4.seconds
        setup.firstJobTimeout = 6.seconds
        setup.timing = .small
        setup.stage = stage
        setup.deployed.containers = Self.containers(stage)
        self.script = script
        self.setup = setup
    }

    /// Ends come when the script says so.
    private static func containers(_ stage: Script.Stage) -> [ContainerDefinition] {
        let never = 24.hours
        let restart = ContainerDefinition.Restart(ignoredExitCodes: [], attemptPeriod: 0)
        let sidecar = ContainerDefinition(
            Deployed.sidecarName,
            isEssential: false,
            restart: stage.diesForGood ? nil : restart,
            stopTimeout: never
        )
        let agent = ContainerDefinition(
            Deployed.agentName,
            dependsOn: [.init(container: Deployed.sidecarName, condition: .start)],
            stopTimeout: never
        )
        return [sidecar, agent]
    }

    package struct Outcome: Sendable {
        package internal(set) var violations: [Violation] = []
        /// How many steps were taken, of all.
        package internal(set) var followed = 0
        /// Why it did not go on; nil where it came to its end.
        package internal(set) var departure: String?
    }

    /// Plays it. A world that cannot take a step, since it has gone another way, is left to itself
    /// from there.
    ///
    /// - Parameter story: gets a line for each thing that happens; nil says nothing.
    package func play(story: ((String) -> Void)? = nil) -> Outcome {
        let stage = script.stage
        let plan = RunPlan(at: 0, plan: 0, outcome: .planned)
        let runs = PlannedRuns(runs: Array(repeating: plan, count: stage.jobs))
        let policy = PolicyKind.ours.make()
        var now: () -> Milliseconds = { 0 }
        let told = story.map { story in { (line: String) in story("\(now() / 1_000)  \(line)") } }
        let region = Region(setup, workload: runs, policy: policy, story: told)
        defer { region.close() }
        let recorder = Recorder(region)
        let world = region.world
        now = { [unowned world] in world.now }
        let pool = region.pools[0]
        if stage.size != nil { world.state(.ledgerRaised(isAdopted: true), in: 0) }
        if stage.isEdited { pool.service.edit(stage.desired) }
        world.run(until: 0)
        var outcome = Outcome()
        for step in script.steps {
            world.tell("> \(step)")
            guard Stagehand(world: world, pool: pool).perform(step) else {
                let waits = world.prompter?.described(step.who) ?? ""
                outcome.departure = "\(step) is not to be done; what waits there is \(waits)"
                break
            }
            outcome.followed += 1
        }
        world.tell("--- the script is over ---")
        world.hurryWallClocks()
        world.prompter?.end()
        pool.service.planTurn(0...0)
        pool.planPolls()
        world.run(until: world.now + Self.calm)
        let (before, stopped) = (world.tally.boots, world.tally.stops)
        world.run(until: world.now + Self.rest)
        let isQuiet = world.tally.boots == before && world.tally.stops == stopped
        recorder.checkRest(pool, watched: Self.rest, isAtRest: isQuiet, mayRest: true)
        outcome.violations = recorder.violations
        return outcome
    }
}

/// Takes the steps of a script.
private struct Stagehand {
    let world: World
    let pool: Pool

    /// - Returns: false where that cannot happen now.
    func perform(_ step: Script.Step) -> Bool {
        guard let prompter = world.prompter else { return false }
        prompter.begin(step)
        guard act(step, prompter) else { return false }
        world.run(until: world.now)
        return true
    }

    private func act(_ step: Script.Step, _ prompter: Prompter) -> Bool {
        let service = pool.service
        switch step.act {
        case .tick:
            // Before it everything else has happened; what is due with it happens at its end.
            world.run(until: world.clock + 1.seconds)
            return true
        case .start: return service.turn(starting: 1, stopping: Set(step.numbers))
        case .stop: return service.turn(starting: 0, stopping: Set(step.numbers))
        case .edit:
            guard let count = step.numbers.first else { return false }
            service.edit(count)
            return true
        case .deploy:
            // So that what was there is older.
            world.run(until: world.now + 1)
            service.deploy(.revision)
            world.run(until: world.now + 1)
            return true
        case .delete:
            service.end(.deleted)
            return true
        case .bookingPasses:
            world.wallLeap += Int(Ledger.updateSpacing / .milliseconds(1))
            return true
        case .sweep:
            (pool.keeper as? OurKeeper)?.runSweep()
            return true
        case .age:
            (pool.keeper as? OurKeeper)?.ageLedger()
            return true
        case .call:
            if prompter.perform(step) { return true }
            guard case .job(let number) = step.who else { return false }
            (pool.keeper as? OurKeeper)?.repeatCall(for: number)
            return true
        default: return actInTask(step, prompter)
        }
    }

    private func actInTask(_ step: Script.Step, _ prompter: Prompter) -> Bool {
        guard case .task(let number) = step.who,
            let task = pool.service.tasks.first(where: { $0.number == number })
        else { return prompter.perform(step) }
        switch step.act {
        case .failBoot: task.failToBoot()
        case .stopTask: task.stopOutside(.byUser)
        case .killTask: task.endAtOnce()
        case .crashAgent: task.crashAgent()
        case .failAgent:
            guard prompter.waits(.startAgent, .task(number)) else { return false }
            prompter.forget(.task(number)) { $0 == .startAgent }
            task.failAgent(code: 2)
        case .receive:
            guard let job = step.numbers.first else { return false }
            return pool.give("run-\(job)", to: task)
        case .crash, .breakLink, .startLimit: return task.play(step)
        case .aloneLimit: return prompter.perform(step) || task.play(step)
        default: return prompter.perform(step)
        }
        return true
    }
}
