import ArgumentParser
import Glibc
import ProductVersion

@main
struct RehearsalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearsal",
        abstract: "Plays HCP Terraform agents on ECS on this machine.",
        version: ProductVersion.current,
        subcommands: [
            PlayCommand.self, SimulateCommand.self, ExploreCommand.self, ProveCommand.self,
            SweepCommand.self,
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
