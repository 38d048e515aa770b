import ArgumentParser
import Audit
import FoundationEssentials

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Judges what the programs wrote into their logs by the ten promises.",
        discussion: """
            Reads lines from files, or from standard input, in any order, with or without the
            time before each that the AWS CLI shows:

              for group in /ecs/tfc-agents /aws/lambda/tfc-scale-up; do
                aws logs tail "$group" --since 1d --format short
              done | agent-sidecar audit

            Shows a line for each job with the parts of its life, the pool's times, and of each
            promise whether it was held or broken, or why the lines cannot tell.
            It asks nobody. Exit code: 0, or 1 when a promise was broken.
            """
    )

    @Argument(help: "Files of log lines; none, or -, is standard input.")
    var files: [String] = []

    @Flag(help: "One JSON object.")
    var json = false

    func run() throws {
        var auditor = Auditor()
        for file in files.isEmpty ? ["-"] : files {
            auditor.read(try Self.text(of: file))
        }
        let audit = auditor.audit()
        print(json ? String(decoding: try audit.json(), as: UTF8.self) : audit.text)
        if audit.isBroken { throw ExitCode.failure }
    }

    private static func text(of file: String) throws -> String {
        let path = file == "-" ? "/dev/stdin" : file
        guard let bytes = try? Data(contentsOf: URL(filePath: path)) else {
            throw ValidationError("\(file) cannot be read.")
        }
        // Bytes that are no UTF-8 are somebody else's line.
        return String(decoding: bytes, as: UTF8.self)
    }
}
