import AgentLink
import Testing

/// The launcher's decisions beside a script that starts agents in every way it can, over every
/// order of what may happen: a world as small as shows each kind of order, closed by going on
/// until no new state appears.
@Suite("The launcher and a script, over every interleaving")
struct ScriptExplorationTests {
    private enum AgentState { case forked, running, ended }
    private enum Command { case script, agent, over }

    private struct Agent: Hashable {
        var state: AgentState
        var isCommand = false
        var signals = 0
        var hasRegistered = false
        /// What it leaves behind when it ends, by the agent's own name and for ever: a job's
        /// process, or its own core if it was killed.
        var leavesStray = false
    }

    /// What the launcher holds.
    private enum Held: Hashable {
        case agent(Int)
        case stray
    }

    private struct World: Hashable {
        var life = LauncherLife()
        /// Whether the script hands a stop on to its agents and goes on; otherwise it dies of one.
        var passesOn: Bool
        var command = Command.script
        var isReaped = false
        var agents: [Agent] = []
        var held: Held?
        var stops = 0
        /// A first stop came while an agent was held, and that did not get it.
        var hasMissedStop = false
        var story: [String] = []

        static func == (one: World, other: World) -> Bool {
            one.life == other.life && one.passesOn == other.passesOn
                && one.command == other.command && one.isReaped == other.isReaped
                && one.agents == other.agents && one.held == other.held
                && one.stops == other.stops && one.hasMissedStop == other.hasMissedStop
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(life)
            hasher.combine(command)
            hasher.combine(agents)
            hasher.combine(stops)
        }

        init(passesOn: Bool) {
            self.passesOn = passesOn
            _ = life.on(.named("a"))
        }

        var anyAgentLives: Bool { agents.contains { $0.state != .ended } }

        var anyStrayLives: Bool { agents.contains { $0.state == .ended && $0.leavesStray } }

        /// Whether an agent lives that cannot be told from a stray: what started it is over, and it
        /// has come after another, which was to stop or had worked.
        var hasOrphanThatFollows: Bool {
            guard command == .over, stops > 0 || agents.contains(where: \.hasRegistered),
                let first = agents.firstIndex(where: { $0.state == .ended })
            else { return false }
            return agents[first...].contains { $0.state != .ended }
        }

        /// Every world that this one can become in one move.
        var next: [World] {
            var worlds: [World] = []
            func move(_ name: String, _ change: (inout World) -> Void) {
                var world = self
                world.story.append(name)
                change(&world)
                worlds.append(world)
            }
            if command == .script {
                // One at a time: two agents beside each other are two containers' business.
                if agents.count < 3, !anyAgentLives {
                    move("fork") { $0.agents.append(Agent(state: .forked)) }
                    move("exec") {
                        $0.agents.append(Agent(state: .running, isCommand: true))
                        $0.command = .agent
                    }
                }
                move("script ends") { $0.command = .over }
            }
            for (number, agent) in agents.enumerated() {
                switch agent.state {
                case .forked:
                    move("agent \(number) runs") { $0.agents[number].state = .running }
                case .running:
                    move("agent \(number) ends") {
                        $0.agents[number].state = .ended
                        if agent.isCommand { $0.command = .over }
                    }
                    if !agent.hasRegistered {
                        move("agent \(number) registers") {
                            $0.agents[number].hasRegistered = true
                            $0.observe(.statusLine(.status(LauncherLifeTests.registered)))
                            $0.look()
                        }
                    } else if !agent.leavesStray {
                        move("agent \(number) starts a stray") {
                            $0.agents[number].leavesStray = true
                        }
                    }
                case .ended:
                    break
                }
            }
            if command == .over, !isReaped {
                move("reap") {
                    $0.isReaped = true
                    $0.observe(.commandExited(code: 1))
                    $0.look()
                }
            }
            if case .agent(let held) = held, agents[held].state == .ended {
                for code in [nil, Int32(2)] {
                    move("end of \(held) is seen") {
                        $0.held = nil
                        $0.observe(.agentExited(code: code))
                        $0.look()
                    }
                }
            }
            if life.seeksAgent { move("look") { $0.look() } }
            // The limit is longer than a fork can take.
            if life.seeksAgentInTime, !agents.contains(where: { $0.state == .forked }) {
                move("limit") {
                    $0.look()
                    if $0.life.seeksAgentInTime { $0.observe(.searchLimitReached) }
                }
            }
            if stops < 2, life.isRunning {
                move("stop") { $0.stop(.outsideStop(signal: 15)) }
                move("drain") { $0.stop(.drainAsked) }
            }
            return worlds
        }

        private mutating func stop(_ observation: LauncherLife.Observation) {
            stops += 1
            look()
            observe(observation)
            guard stops == 1, case .agent(let held) = held, agents[held].state == .running else {
                return
            }
            hasMissedStop = agents[held].signals == 0
        }

        private mutating func look() {
            guard life.seeksAgent else { return }
            if let number = agents.firstIndex(where: { $0.state == .running }),
                life.acceptsOrphans || command != .over
            {
                if agents[number].isCommand {
                    observe(.agentFound(isCommand: true))
                } else {
                    held = .agent(number)
                    observe(.agentFound(isCommand: false))
                }
            } else if anyStrayLives, life.acceptsOrphans {
                held = .stray
                observe(.agentFound(isCommand: false))
            } else {
                let othersLive = anyAgentLives || anyStrayLives || command != .over
                observe(.noAgentFound(othersLive: othersLive))
            }
        }

        private mutating func observe(_ observation: LauncherLife.Observation) {
            for directive in life.on(observation) {
                switch directive {
                case .sendStopSignal(.agent):
                    if case .agent(let held) = held { signal(held) }
                case .sendStopSignal(.command):
                    signalCommand()
                case .endCommand:
                    if command == .script { command = .over }
                case .countJobProcesses:
                    observe(.jobProcesses(life.seeksAgentInTime ? nil : 0))
                case .start, .say, .renew, .leave:
                    break
                }
            }
        }

        private mutating func signal(_ number: Int) {
            if agents[number].state != .ended { agents[number].signals += 1 }
        }

        private mutating func signalCommand() {
            switch command {
            case .agent:
                for (number, agent) in agents.enumerated() where agent.isCommand { signal(number) }
            case .script where passesOn:
                for number in agents.indices { signal(number) }
            case .script:
                command = .over
            case .over:
                break
            }
        }
    }

    /// All worlds that can come about.
    private static let worlds: Set<World> = {
        var seen: Set<World> = [World(passesOn: false), World(passesOn: true)]
        var frontier = Array(seen)
        while let world = frontier.popLast() {
            for next in world.next where seen.insert(next).inserted { frontier.append(next) }
        }
        return seen
    }()

    private func stories(_ isWrong: (World) -> Bool) -> [[String]] {
        Self.worlds.filter(isWrong).map(\.story).sorted { $0.count < $1.count }
    }

    @Test("no agent ever gets a second signal, be it from the launcher or from the script")
    func oneSignal() {
        #expect(Self.worlds.count > 5000)
        #expect(stories { $0.agents.contains { $0.signals > 1 } }.first == nil)
    }

    @Test("the container is never let go while an agent lives that can be told from a stray")
    func endsAfterTheAgent() {
        #expect(
            stories { $0.life.hasEnded && $0.anyAgentLives && !$0.hasOrphanThatFollows }.first
                == nil
        )
    }

    @Test("nothing that an agent leaves behind is taken for the next one, whatever its name")
    func holdsNoStray() {
        #expect(stories { $0.held == .stray }.first == nil)
    }

    @Test("the first stop reaches the agent that is there when it comes")
    func stopArrives() {
        #expect(stories(\.hasMissedStop).first == nil)
    }

    @Test("once the command and all agents are gone, and that was seen, the life ends")
    func comesToItsEnd() {
        #expect(
            stories { world in
                world.life.isRunning && world.isReaped && !world.anyAgentLives
                    && world.next.allSatisfy { $0.life.isRunning }
            }.first == nil
        )
    }
}
