import ArgumentParser
import FoundationEssentials
import Glibc
import ProductVersion

@main
struct RehearsalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearsal",
        abstract: "Plays HCP Terraform agents on ECS on this machine.",
        version: ProductVersion.current,
        subcommands: [
            PlayCommand.self, SimulateCommand.self, ExploreCommand.self, SweepCommand.self,
        ]
    )
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
        PlayFolder.sweep(marker: marker, path: directory)
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
