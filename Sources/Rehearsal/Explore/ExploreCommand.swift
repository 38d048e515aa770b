import ArgumentParser
import Exploration

extension Breakage: ExpressibleByArgument {}

/// `rehearsal explore`.
struct ExploreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explore",
        abstract: "Every order of events in small worlds, until no new state appears.",
        discussion: """
            A scene is a small world: two tasks or three, a job or two, and a few things
            that happen (calls that fail before or after their effect, a sidecar that dies,
            a person who sets desiredCount, deploys or deletes). Ledger, sidecar, launcher
            and endpoint decide as they do in production, beside the model of ECS that
            simulation and rehearsal have as well; every order in which anything may happen
            is played, and the rules of the README are checked on each transition. From
            every state there must be a way to rest at exactly desired_count.

            A scene that is closed has no other states: within its bounds the rules hold,
            and not only for the orders that somebody thought of.

              rehearsal explore                      the scenes of the tests, a minute
              rehearsal explore --deep               the large ones too, minutes, 6.5 GB each
              rehearsal explore --scene faults
              rehearsal explore --break verify       would we notice?
              rehearsal explore --walk 600           chance, in a world too large to close

            A rule that is broken is told as a trace, the shortest there is, and with
            --script written as a script that rehearsal simulate plays. Exit code 0:
            every scene is closed and every rule held, or the scene that --break names has
            noticed. 1: not so. 2: a file cannot be written. 64: the options contradict
            each other. 130: interrupted.
            """
    )

    @Option(
        name: .customLong("scene"),
        help: "Only this scene; may be given several times. --list names them."
    )
    var names: [String] = []
    @Flag(help: "The scenes that take minutes as well.") var deep = false
    @Flag(help: "Names the scenes, and plays none.") var list = false
    @Option(
        name: .customLong("break"),
        help: "Switches a safeguard off: the scene that watches it must notice."
    )
    var broken: Breakage?
    @Option(help: "Writes the first rule that is broken as a script into this file.")
    var script: String?
    @Option(help: "Seconds of steps by chance, three tasks and everything that may go wrong.")
    var walk: Int?
    @Option(help: "The first seed of --walk.") var seed: UInt64 = 1
    @Option(help: "Scenes that are played at once.") var jobs = 2
    @Flag(help: "No progress on standard error.") var quiet = false

    func validate() throws {
        for name in names where !Scene.all.contains(where: { $0.name == name }) {
            throw ValidationError(
                "there is no scene \(name); expected one of "
                    + Scene.all.map(\.name).joined(separator: ", ")
            )
        }
        if let walk, !(1...86_400).contains(walk) {
            throw ValidationError("--walk is \(walk); expected 1 to 86400")
        }
        guard (1...64).contains(jobs) else {
            throw ValidationError("--jobs is \(jobs); expected 1 to 64")
        }
        if broken != nil, !names.isEmpty || deep || walk != nil {
            throw ValidationError("--break has a scene of its own")
        }
        if walk != nil, !names.isEmpty || deep || script != nil {
            throw ValidationError("--walk has a world of its own, and writes no --script")
        }
    }

    func run() throws {
        let stops = Interruption()
        if list { return printScenes() }
        do {
            let run = ExploreRun(self, stops)
            if let broken {
                try run.breakSafeguard(broken)
            } else if let walk {
                try run.walk(seconds: walk)
            } else {
                try run.play(scenes)
            }
        } catch let fault as SimulationFault {
            complain(fault.text)
            throw ExitCode(fault.code)
        }
    }

    private var scenes: [Scene] {
        names.isEmpty
            ? Scene.all.filter { deep || !$0.isDeep }
            : Scene.all.filter { names.contains($0.name) }
    }

    private func printScenes() {
        let width = Scene.all.map(\.name.count).max() ?? 0
        for scene in Scene.all {
            let name = scene.name.padded(to: width)
            print("\(name)  \(scene.about)\(scene.isDeep ? " (--deep)" : "")")
        }
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    func indented(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }
}
