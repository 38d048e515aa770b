import ArgumentParser
import Curl
import FoundationEssentials
import Glibc
import Model

/// `rehearsal prove`.
struct ProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "The module's service in your own AWS account, with stand-in agents, judged.",
        discussion: """
            Deploys the Terraform module with a stand-in for tfc-agent, so that no HCP
            Terraform is needed; plays it to the service, does what people and ECS do,
            judges all that was written and seen by the ten rules, says which reading
            of ECS it saw and what it cost, and takes everything away again. It plays

            \(acts)

            Everything that it makes is called PREFIX or PREFIX-..., and has the tag
            \(Territory.tag). Where something has such a name already, and not this
            proof's tag, nothing is touched. What it makes, what it may do and what it
            costs: ecs-task-def/OPERATING.md, "Prove it in your own account".

              docker/build --ecr eu-central-1 --stand-in --tfvars images.auto.tfvars
              eval "$(aws configure export-credentials --format env)"
              rehearsal prove --region eu-central-1 --prefix proof --images images.auto.tfvars

            It should take about 45 minutes. Ctrl-C takes everything away at once; what a
            second one leaves is told, with the command that removes it. Module, state
            and secrets are in the folder prove-PREFIX-REGION here until then.

            With --local it is played on this machine instead: the local cloud of
            `rehearsal play`, asked through the same calls. That shows the proof, not AWS.

            Exit code 0: every run ended, every rule held, nothing is left. 1: something
            did not. 2: it could not be set up, or not be taken away. 130: interrupted.
            """
    )

    private static var acts: String {
        ProofAct.allCases.map { "  \(padded($0.rawValue, 10))  \($0.explanation)" }
            .joined(separator: "\n")
    }

    @Option(help: "The AWS region, in whose ECR the images are.") var region: String?
    @Option(help: "Begins every name: 1 to 20 of a-z, 0-9 and -, a letter first.") var prefix:
        String
    @Option(help: "The images as docker/build --stand-in --tfvars wrote them.") var images: String?
    @Option(help: "Only these acts, with commas between them.")
    var acts: String = ProofAct.allCases.map(\.rawValue).joined(separator: ",")
    @Flag(help: "Leaves everything there, to be looked at.") var keep = false
    @Flag(help: "Only takes away what an earlier one left.") var takeAway = false
    @Option(help: "Terraform 1.9 or newer, or OpenTofu; found by its name.")
    var terraform = "terraform"

    @Flag(help: "Plays on this machine.") var local = false
    @Option(help: "With --local: what its ECS starts in place of a task that ends, as with play.")
    var replacement: Replacement?
    @Option(
        name: .customLong("break"),
        help: "With --local: undoes a safeguard, which must be noticed: protection."
    )
    var broken: Break?
    @Option(help: "Where the executables are, with --local; beside this one by default.")
    var bin: String?

    func validate() throws {
        guard ProofSettings.isPrefix(prefix) else {
            throw ValidationError(
                "--prefix takes 1 to 20 of a-z, 0-9 and -, a letter first and no - last."
            )
        }
        if local {
            guard region == nil, images == nil, !keep, !takeAway else {
                throw ValidationError(
                    "--local takes no --region, --images, --keep or --take-away: it ends with this process."
                )
            }
            guard broken == nil || broken == .protection else {
                throw ValidationError("--break takes protection here.")
            }
        } else {
            guard region != nil else {
                throw ValidationError("--region is missing; or play with --local.")
            }
            guard takeAway || images != nil else {
                throw ValidationError("--images is missing: the file of docker/build --tfvars.")
            }
            guard replacement == nil, broken == nil, bin == nil else {
                throw ValidationError("--replacement, --break and --bin go with --local.")
            }
        }
        _ = try chosenActs()
    }

    private func chosenActs() throws -> [ProofAct] {
        try acts.split(separator: ",").map { name in
            guard let act = ProofAct(rawValue: String(name)) else {
                let known = ProofAct.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--acts: \(name) is none of \(known).")
            }
            return act
        }
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let signals = StopSignals()
        let http = try CurlClient()
        let settings = ProofSettings(
            prefix: prefix,
            region: region ?? "",
            acts: try chosenActs(),
            pace: local ? .local : .account,
            keeps: keep,
            marker: earlierMarker ?? String(UInt64.random(in: .min ... .max), radix: 36)
        )
        if local {
            try runHere(settings, http, signals)
        } else {
            try runThere(settings, http, signals)
        }
    }

    // MARK: In an account

    private var folder: String {
        Executable.absolute("prove-\(prefix)-\(region ?? "")")
    }

    private var earlierMarker: String? { TerraformGround.marker(in: folder) }

    private func runThere(
        _ settings: ProofSettings,
        _ http: CurlClient,
        _ signals: StopSignals
    ) throws {
        let isThere = FileManager.default.fileExists(atPath: folder)
        if takeAway, !isThere { throw Self.failure("there is no \(folder)") }
        if !takeAway, isThere {
            throw Self.failure(
                "\(folder) is there: an earlier one was not taken away; --take-away does it"
            )
        }
        guard let definition = Executable.taskDefinition() else {
            throw Self.failure("\(Executable.definitionName) was not found")
        }
        guard let terraform = Self.program(terraform) else {
            throw Self.failure("\(self.terraform) was not found")
        }
        let ground = TerraformGround(
            settings,
            folder: folder,
            module: String(definition.dropLast("/task-definition.json".count)),
            images: Executable.absolute(images ?? ""),
            terraform: terraform,
            environment: ProcessInfo.processInfo.environment,
            http: http,
            say: Self.say
        )
        let proof = Proof(settings: settings, ground: ground, http: http, say: Self.say)
        let work = Task.detached { [takeAway] in
            Glibc.exit((takeAway ? await proof.onlyTakeAway() : await proof.run()).rawValue)
        }
        signals.wait()
        Self.say(keep ? "stopping" : "stopping: everything is taken away first")
        work.cancel()
        ground.interrupt(destroying: false)
        signals.wait()
        Self.say("left as it is; what there is, is removed by\n  \(ground.removal)")
        ground.interrupt(destroying: true)
        Glibc.exit(Proof.End.interrupted.rawValue)
    }

    /// - Returns: the path of a program that is named or found in `PATH`.
    private static func program(_ name: String) -> String? {
        if name.contains("/") { return Executable.absolute(name) }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    // MARK: Here

    private func runHere(
        _ settings: ProofSettings,
        _ http: CurlClient,
        _ signals: StopSignals
    ) throws {
        guard let definition = Executable.taskDefinition() else {
            throw Self.failure("\(Executable.definitionName) was not found")
        }
        var play = PlaySettings(
            bin: Executable.absolute(bin ?? Executable.directory),
            taskDefinition: definition
        )
        play.endpoint = .lambda
        play.maxCount = ProofSettings.maxCount
        play.prefix = prefix
        play.seed = UInt64.random(in: 0...999_999)
        play.replacement = replacement ?? .same
        play.broken = broken
        play.agentVariables = [
            "STAND_IN_JOBS": ProofNames(prefix: prefix).jobTable, "AGENT_HIDE_TASK_ROLE": "false",
        ]
        do throws(PlayError) {
            try Play.checkExecutables(play)
        } catch {
            throw Self.failure("\(error)")
        }
        Orphans.adopt()
        let folder = try PlayFolder(play)
        let watchdog = try Watchdog(
            executable: Executable.path,
            marker: folder.marker,
            directory: folder.path
        )
        @Sendable func clear() {
            folder.sweep()
            watchdog.dismiss()
            Orphans.collect()
        }
        let ground = LocalGround(settings, play, folder, http: http)
        let proof = Proof(settings: settings, ground: ground, http: http, say: Self.say)
        let work = Task.detached {
            let end = await proof.run()
            clear()
            Glibc.exit(end.rawValue)
        }
        signals.wait()
        Self.say("stopping: everything is taken away first")
        work.cancel()
        signals.wait()
        clear()
        Glibc.exit(Proof.End.interrupted.rawValue)
    }

    // MARK: Words

    private static let say: @Sendable (String) -> Void = { text in
        let bytes = Array((text + "\n").utf8)
        _ = write(1, bytes, bytes.count)
    }

    /// Says why nothing was set up; the exit code is what remains to be said.
    private static func failure(_ text: String) -> ExitCode {
        let bytes = Array("rehearsal: \(text)\n".utf8)
        _ = write(2, bytes, bytes.count)
        return ExitCode(Proof.End.failed.rawValue)
    }
}
