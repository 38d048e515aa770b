import ArgumentParser
import FoundationEssentials
import Glibc
import Synchronization

@main
struct RehearsalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearsal",
        abstract: "Plays HCP Terraform agents on ECS on this machine.",
        subcommands: [PlayCommand.self, SimulateCommand.self, SweepCommand.self]
    )
}

extension AgentMode: ExpressibleByArgument {}
extension EndpointKind: ExpressibleByArgument {}

/// `rehearsal play`.
struct PlayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "play",
        abstract: "Real sidecar, launcher and endpoint against a local ECS and HCP Terraform.",
        discussion: """
            Exit code 0: every run finished, every rule held, the service is back at
            desired_count. 1: something did not. 2: it could not be set up. 130: interrupted.

            Ctrl-C and SIGTERM end every process and remove the temporary directory. After
            `kill -9` of the rehearsal itself its watchdog does the same within a second; only
            `kill -9` of both leaves processes behind. They have REHEARSAL_ID in their
            environment, and the directory is /tmp/rehearsal-*.
            """
    )

    @Option(help: "How many runs arrive.") var runs = 1
    @Option(name: .customLong("max"), help: "max_count of the service.") var maxCount = 3
    @Option(help: "desired_count of the service.") var desiredCount = 0
    @Option(name: .customLong("spare"), help: "spare_count of the service.") var spareCount = 0
    @Option(help: "single: one job per agent; reuse: many.") var mode = AgentMode.single
    @Option(help: "server: scale-up-server; lambda: scale-up-lambda, with a sweep every 3 s.")
    var endpoint = EndpointKind.server
    @Option(help: "Repeats the choices of an earlier rehearsal; random by default.")
    var seed: UInt64?
    @Option(help: "How long a plan works.") var planSeconds = 3.0
    @Option(help: "How long an apply works.") var applySeconds = 3.0
    @Option(help: "From a plan's end to its confirmation.") var approvalSeconds = 1.0
    @Option(help: "From a task's start to its containers'.") var bootSeconds = 1.0
    @Option(help: "Over how long the runs arrive; half a second each by default.")
    var spreadSeconds: Double?
    @Option(help: "IDLE_TIMEOUT_SECONDS of the sidecar.") var idleSeconds = 5
    @Option(help: "FIRST_JOB_TIMEOUT_SECONDS of the sidecar.") var firstJobSeconds = 15
    @Option(help: "After this the rehearsal has failed; by default from the other numbers.")
    var timeLimitSeconds: Double?
    @Flag(help: "Some runs are plan-only, discarded, canceled or fail, by the seed.")
    var mixed = false
    @Option(help: "Keeps the logs of all processes in this directory.") var keep: String?
    @Option(help: "Where the executables are; beside this one by default.") var bin: String?
    @Option(help: "The task definition; ecs-task-def/task-definition.json by default.")
    var taskDefinition: String?
    @Flag(help: "No colours.") var noColor = false

    func run() throws {
        let settings = try settings()
        // Children must not die of a closed pipe's signal here, nor this process.
        signal(SIGPIPE, SIG_IGN)
        let signals = StopSignals()
        Orphans.adopt()
        let play: Play
        let watchdog: Watchdog
        do {
            play = try Play(settings)
            watchdog = try Watchdog(
                executable: Executable.path,
                marker: play.marker,
                directory: play.directory
            )
        } catch {
            throw Self.failure("\(error)")
        }
        let work = Task.detached {
            let code: Int32
            do {
                code = try await play.run() ? 0 : 1
            } catch is CancellationError {
                code = 130
            } catch {
                Self.complain("\(error)")
                code = 2
            }
            play.sweep()
            watchdog.dismiss()
            Orphans.collect()
            Glibc.exit(code)
        }
        signals.wait()
        Self.complain("stopping; nothing will be left running")
        work.cancel()
        signals.wait()
        play.sweep()
        watchdog.dismiss()
        Orphans.collect()
        Glibc.exit(130)
    }

    private func settings() throws -> PlaySettings {
        let bin = self.bin ?? Executable.directory
        guard let definition = taskDefinition ?? Executable.taskDefinition() else {
            throw Self.failure("\(Executable.definitionName) was not found; see --task-definition")
        }
        var settings = PlaySettings(bin: Executable.absolute(bin), taskDefinition: definition)
        settings.runs = runs
        settings.maxCount = maxCount
        settings.desiredCount = desiredCount
        settings.spareCount = spareCount
        settings.mode = mode
        settings.endpoint = endpoint
        settings.seed = seed ?? UInt64.random(in: 0...999_999)
        settings.planSeconds = planSeconds
        settings.applySeconds = applySeconds
        settings.approvalSeconds = approvalSeconds
        settings.bootSeconds = bootSeconds
        settings.spreadSeconds = spreadSeconds ?? min(Double(runs - 1) / 2, 20)
        settings.idleSeconds = idleSeconds
        settings.firstJobSeconds = firstJobSeconds
        settings.isMixed = mixed
        settings.keep = keep.map(Executable.absolute)
        settings.isColored = !noColor && isatty(1) == 1
        settings.timeLimitSeconds = timeLimitSeconds ?? settings.timeLimitSeconds
        guard settings.faults.isEmpty else {
            throw Self.failure(settings.faults.joined(separator: "; "))
        }
        settings.timeLimitSeconds = timeLimitSeconds ?? settings.automaticTimeLimit
        return settings
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

/// What the watchdog runs: waits for its input to end, then cleans up after a dead rehearsal.
struct SweepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Watchdog.command,
        abstract: "Cleans up after a rehearsal.",
        shouldDisplay: false
    )

    @Argument var marker: String
    @Argument var directory: String

    func run() throws {
        guard directory.hasPrefix("/tmp/rehearsal-"), !directory.contains("..") else { return }
        Orphans.adopt()
        var byte: UInt8 = 0
        while read(0, &byte, 1) > 0 || errno == EINTR { errno = 0 }
        Play.sweep(marker: marker, directory: directory)
    }
}

/// SIGINT, SIGTERM and SIGHUP, waited for by the main thread. They are blocked before any other
/// thread exists, so that all threads inherit that; an async main would take them instead.
private struct StopSignals {
    private var set = sigset_t()

    init() {
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    func wait() {
        var set = set
        var number: Int32 = 0
        sigwait(&set, &number)
    }
}

/// This program's own place.
enum Executable {
    static let definitionName = "ecs-task-def/task-definition.json"

    static var path: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            ?? CommandLine.arguments[0]
    }

    static var directory: String { parent(path) }

    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    /// The task definition in the current directory, or in one above the executable.
    static func taskDefinition() -> String? {
        let files = FileManager.default
        var candidates = [files.currentDirectoryPath]
        var above = directory
        while above.count > 1 {
            candidates.append(above)
            above = parent(above)
        }
        return candidates.map { "\($0)/\(definitionName)" }
            .first { files.fileExists(atPath: $0) }
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
