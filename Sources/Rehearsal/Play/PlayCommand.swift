import AgentLink
import ArgumentParser
import Glibc
import Model
import Synchronization

extension AgentMode: ExpressibleByArgument {}

/// What `--mode` takes.
enum PlayedModes: Equatable, ExpressibleByArgument {
    case one(AgentMode)
    case all

    init?(argument: String) {
        guard let mode = AgentMode(rawValue: argument) else {
            guard argument == "all" else { return nil }
            self = .all
            return
        }
        self = .one(mode)
    }

    static var allValueStrings: [String] { AgentMode.allCases.map(\.rawValue) + ["all"] }

    var modes: [AgentMode] {
        switch self {
        case .one(let mode): [mode]
        case .all: AgentMode.allCases
        }
    }
}
extension EndpointKind: ExpressibleByArgument {}
extension Break: ExpressibleByArgument {}
extension Replacement: ExpressibleByArgument {}

/// `rehearsal play`.
struct PlayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "play",
        abstract: "Real sidecar, launcher and endpoint against a local ECS and HCP Terraform.",
        discussion: """
            Exit code 0: every run finished, every rule held, the service is back
            at desired_count. 1: something did not. 2: it could not be set up. 130:
            interrupted.

            Ctrl-C and SIGTERM end every process and remove the temporary
            directory. After `kill -9` of the rehearsal itself its watchdog does
            the same within a second; only `kill -9` of both leaves processes
            behind. They have REHEARSAL_ID in their environment, and the directory
            is /tmp/rehearsal-*.

            With --chaos, faults are drawn from the seed and printed first. They
            happen while the runs arrive; then everything has to come to rest. The
            same seed gives the same faults; the processes are real, so whom a
            fault hits may differ. A run whose agent the seed itself took (a lost
            host, a killed agent or launcher, an agent frozen until HCP Terraform
            gives it up, the end of a Spot notice's time) may fail and is named at
            the end; any other loss breaks a rule. What a dead task leaves in the
            ledger is dropped after 5 to 10 minutes, so a rehearsal that kills
            agents may take that long. Kinds of fault:

            \(table(FaultKind.self) { ($0.rawValue, $0.explanation) })

            With --break, the local cloud undoes a safeguard, and the rehearsal has
            to fail and name the rule:

            \(table(Break.self) { ($0.rawValue, $0.explanation) })
            """
    )

    @Option(help: "How many runs arrive; 1 a pool by default, 6 with --chaos, 4 with --break.")
    var runs: Int?
    @Option(
        name: .customLong("max"),
        help: "max_count of the service; 3 by default, 4 with --chaos or --break."
    )
    var maxCount: Int?
    @Option(help: "desired_count of the service.") var desiredCount = 0
    @Option(help: "Services behind the one endpoint, each with its ledger; runs go round them.")
    var pools = 1
    @Option(name: .customLong("spare"), help: "spare_count of the service.") var spareCount = 0
    @Option(
        help: """
            What jobs share. single: each has a task; renewed: each has an agent, in a container that \
            was made as it was (needs root); shared: they have agents in common; all: one after the \
            other, and a table beside them. single by default, renewed with --break clean.
            """
    )
    var mode: PlayedModes?
    @Option(help: "server: scale-up-server; lambda: scale-up-lambda, with a sweep every 3 s.")
    var endpoint = EndpointKind.server
    @Option(help: "Repeats the choices of an earlier rehearsal; random by default.")
    var seed: UInt64?
    @Option(help: "How long a plan works.") var planSeconds = 3.0
    @Option(help: "How long an apply works; 3 by default, 5 with --chaos.")
    var applySeconds: Double?
    @Option(help: "From a plan's end to its confirmation.") var approvalSeconds = 1.0
    @Option(help: "From a task's start to its containers'.") var bootSeconds = 1.0
    @Option(
        help: """
            Over how long the runs arrive; half a second each by default, three quarters of \
            --fault-seconds with --chaos.
            """
    )
    var spreadSeconds: Double?
    @Option(help: "IDLE_TIMEOUT_SECONDS of the sidecar.") var idleSeconds = 5
    @Option(help: "FIRST_JOB_TIMEOUT_SECONDS of the sidecar.") var firstJobSeconds = 15
    @Option(help: "MAX_JOBS of the sidecar, with --mode renewed; 0 is no limit.") var maxJobs = 0
    @Option(help: "After this the rehearsal has failed; by default from the other numbers.")
    var timeLimitSeconds: Double?
    @Option(help: "So long the service must have rested at the end; 3 by default, 10 with --chaos.")
    var restSeconds: Double?
    @Flag(help: "Some runs are plan-only, discarded, canceled or fail, by the seed.")
    var mixed = false
    @Flag(help: "Sidecar and endpoint get an API token, and watch agents and runs with it.")
    var tfeToken = false

    @Flag(
        help: """
            HCP Terraform also sends notifications, late, sometimes never and sometimes twice; a run \
            that is meant to be canceled is so while its agent boots.
            """
    )
    var notifications = false

    @Flag(help: "Faults by the seed, then calm; see below.") var chaos = false
    @Option(help: "How long faults happen, with --chaos.") var faultSeconds = 40.0
    @Option(help: "Only these kinds of fault, with --chaos; names with commas between them.")
    var faults: String?
    @Option(help: "What a task has after a Spot notice, with --chaos; 120 s on Fargate.")
    var spotSeconds = 4.0
    @Option(
        name: .customLong("break"),
        help: "Undoes a safeguard: \(Break.allCases.map(\.rawValue).joined(separator: " or "))."
    )
    var broken: Break?

    @Option(
        help: """
            What ECS starts in place of a task that ends while a deployment is open: the same \
            revision or the primary one; AWS documents both. With --chaos by the seed, else same.
            """
    )
    var replacement: Replacement?

    @Option(help: "Keeps the logs of all processes in this directory.") var keep: String?
    @Option(help: "Where the executables are; beside this one by default.") var bin: String?
    @Option(help: "The task definition; ecs-task-def/task-definition.json by default.")
    var taskDefinition: String?
    @Flag(help: "No colours.") var noColor = false

    func run() throws {
        let chosen = mode ?? .one(broken == .clean ? .renewed : .single)
        let settings = try chosen.modes.map { try self.settings($0) }
        // Children must not die of a closed pipe's signal here, nor this process.
        signal(SIGPIPE, SIG_IGN)
        let signals = StopSignals()
        Orphans.adopt()
        let stage = Stage()
        let work = Task.detached {
            let code = await Self.play(settings, stage)
            stage.clear()
            Orphans.collect()
            Glibc.exit(code)
        }
        signals.wait()
        Self.complain("stopping; nothing will be left running")
        work.cancel()
        signals.wait()
        stage.clear()
        Orphans.collect()
        Glibc.exit(130)
    }

    /// Plays one after the other.
    ///
    /// - Returns: the exit code.
    private static func play(_ all: [PlaySettings], _ stage: Stage) async -> Int32 {
        var figures: [PlayFigures] = []
        var isFine = true
        for settings in all {
            let play: Play
            do {
                play = try Play(settings)
                try stage.take(play)
            } catch {
                complain("\(error)")
                return 2
            }
            do {
                let outcome = try await play.run()
                figures.append(outcome.figures)
                isFine = isFine && outcome.isFine
            } catch is CancellationError {
                return 130
            } catch {
                complain("\(error)")
                return 2
            }
            stage.clear()
        }
        if all.count > 1 {
            let table = PlayFigures.table(figures, Paint(isOn: all[0].isColored))
            print("\n" + table)
        }
        return isFine ? 0 : 1
    }

    private func settings(_ mode: AgentMode) throws -> PlaySettings {
        let bin = self.bin ?? Executable.directory
        guard let definition = taskDefinition ?? Executable.taskDefinition() else {
            throw Self.failure("\(Executable.definitionName) was not found; see --task-definition")
        }
        var settings = PlaySettings(bin: Executable.absolute(bin), taskDefinition: definition)
        settings.runs = runs ?? (chaos ? 6 : broken == nil ? pools : 4)
        settings.maxCount = maxCount ?? (chaos || broken != nil ? 4 : 3)
        settings.desiredCount = desiredCount
        settings.spareCount = spareCount
        settings.pools = pools
        settings.mode = mode
        settings.endpoint = endpoint
        settings.seed = seed ?? UInt64.random(in: 0...999_999)
        settings.replacement =
            replacement ?? (chaos ? FaultPlan.replacement(of: settings.seed) : .same)
        settings.planSeconds = planSeconds
        settings.applySeconds = applySeconds ?? (chaos ? 5 : 3)
        settings.approvalSeconds = approvalSeconds
        settings.bootSeconds = bootSeconds
        settings.spreadSeconds =
            spreadSeconds
            ?? (chaos ? faultSeconds * 3 / 4 : min(Double(settings.runs - 1) / 2, 20))
        settings.idleSeconds = idleSeconds
        settings.firstJobSeconds = firstJobSeconds
        settings.maxJobs = maxJobs
        settings.isMixed = mixed
        settings.hasAPIToken = tfeToken
        settings.hasNotifications = notifications
        settings.chaos = try faultOptions()
        settings.broken = broken
        settings.spotSeconds = spotSeconds
        settings.restSeconds = restSeconds ?? (chaos ? 10 : 3)
        settings.keep = keep.map(Executable.absolute)
        settings.isColored = !noColor && isatty(1) == 1
        settings.timeLimitSeconds = timeLimitSeconds ?? settings.timeLimitSeconds
        guard settings.faults.isEmpty else {
            throw Self.failure(settings.faults.joined(separator: "; "))
        }
        settings.timeLimitSeconds = timeLimitSeconds ?? settings.automaticTimeLimit
        return settings
    }

    private func faultOptions() throws -> FaultPlan.Options? {
        guard chaos else {
            if faults != nil { throw Self.failure("--faults chooses among the faults of --chaos") }
            return nil
        }
        var options = FaultPlan.Options(seconds: faultSeconds)
        if let faults {
            let names = faults.split(separator: ",").map(String.init)
            let unknown = names.filter { FaultKind(rawValue: $0) == nil }
            guard unknown.isEmpty else {
                let known = FaultKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw Self.failure(
                    "--faults: \(unknown.joined(separator: ", ")) is none of \(known)"
                )
            }
            options.kinds = Set(names.compactMap(FaultKind.init))
        }
        if !tfeToken { options.calls.removeAll { $0 == .terraformAPI } }
        return options
    }

    /// A table for the help.
    private static func table<Kind: CaseIterable>(
        _ type: Kind.Type,
        _ words: (Kind) -> (name: String, text: String)
    ) -> String {
        let rows = type.allCases.map(words)
        let width = rows.map(\.name.count).max() ?? 0
        return rows.map { "  \(padded($0.name, width))  \($0.text)" }.joined(separator: "\n")
    }

    /// Says why nothing was set up; the exit code is what remains to be said.
    private static func failure(_ text: String) -> ExitCode {
        complain(text)
        return ExitCode(2)
    }

    private static func complain(_ text: String) {
        let bytes = Array("rehearsal: \(text)\n".utf8)
        _ = write(2, bytes, bytes.count)
    }
}

/// The rehearsal that is being played, to be cleared away once: at its end or at an interrupt.
private final class Stage: Sendable {
    private let current = Mutex<(play: Play, watchdog: Watchdog)?>(nil)

    func take(_ play: Play) throws {
        do {
            let watchdog = try Watchdog(
                executable: Executable.path,
                marker: play.folder.marker,
                directory: play.folder.path
            )
            current.withLock { $0 = (play, watchdog) }
        } catch {
            play.folder.sweep()
            throw error
        }
    }

    func clear() {
        let last = current.withLock { current in
            defer { current = nil }
            return current
        }
        guard let last else { return }
        last.play.folder.sweep()
        last.watchdog.dismiss()
    }
}
