import AWS
import ArgumentParser
import Audit
import Curl
import Daemon
import Decisions
import FoundationEssentials
import Glibc
import Ports

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Judges what the programs wrote into their logs by the ten promises.",
        discussion: """
            Reads log groups of CloudWatch, files, or standard input, in any order, with or
            without the time before each line that the AWS CLI shows:

              agent-sidecar audit --group /ecs/tfc-agents --group /aws/lambda/tfc-scale-up
              aws logs tail /ecs/tfc-agents --since 1d --format short | agent-sidecar audit

            Shows a line for each job with the parts of its life, the pool's times, and of each
            promise whether it was held or broken, or why the lines cannot tell. Log groups are
            read with logs:FilterLogEvents, by the credentials and in the region that AWS's own
            tools put into the environment; else it asks nobody. Exit code: 0, or 1 when a
            promise was broken; 64 for options or settings that are wrong, 69 where a log group
            cannot be read.
            """
    )

    @Argument(help: "Files of log lines; none, or -, is standard input.")
    var files: [String] = []

    @Option(help: "A log group of CloudWatch; may be given several times.")
    var group: [String] = []

    @Option(help: "With --group: how many hours back it begins, 1 to 8760.")
    var since = 24

    @Option(help: "With --group: the AWS region; in place of AWS_REGION.")
    var region: String?

    @Flag(help: "One JSON object.")
    var json = false

    func validate() throws {
        guard (1...8_760).contains(since) else {
            throw ValidationError("--since takes whole hours from 1 to 8760.")
        }
    }

    func run() throws {
        var auditor = Auditor()
        let files = files.isEmpty && group.isEmpty ? ["-"] : files
        for file in files { auditor.read(try Self.text(of: file)) }
        guard !group.isEmpty else {
            throw ExitCode(try Self.show(auditor, isJSON: json))
        }
        let environment = processEnvironment().merging(
            ["AWS_REGION": region].compactMapValues(\.self)
        ) { $1 }
        let (groups, hours, isJSON, fromFiles) = (group, since, json, auditor)
        Signals.run { stops in
            let listening = Task {
                for await number in stops { Glibc.exit(128 + number) }
            }
            defer { listening.cancel() }
            do {
                let auditor = try await Self.read(groups, hours: hours, environment, fromFiles)
                return try Self.show(auditor, isJSON: isJSON)
            } catch {
                complain("\(error)")
                return error is AWSFailure ? EX_UNAVAILABLE : EX_USAGE
            }
        }
    }

    /// - Returns: the exit code.
    private static func show(_ auditor: Auditor, isJSON: Bool) throws -> Int32 {
        let audit = auditor.audit()
        print(isJSON ? String(decoding: try audit.json(), as: UTF8.self) : audit.text)
        fflush(nil)
        return audit.isBroken ? 1 : 0
    }

    private static func read(
        _ groups: [String],
        hours: Int,
        _ environment: [String: String],
        _ known: Auditor
    ) async throws -> Auditor {
        var settings = SettingsReader(environment)
        let found = settings.aws()
        let authorities = settings.authorities()
        try settings.check()
        guard let found else {
            preconditionFailure("AWS settings that are missing must have been noted as faults")
        }
        let http = try CurlClient(
            CurlConfiguration(
                userAgent: "agent-sidecar",
                caBundlePath: authorities.path,
                moreAuthorities: authorities.more
            )
        )
        defer { http.stop() }
        let reader = LogGroupReader(
            AWSClient(
                found.environment,
                credentials: CredentialsProvider(found.credentials, http: http),
                http: http
            )
        )
        let now = WallTime.now()
        let start = now.advanced(by: .zero - .seconds(hours * 3_600))
        var auditor = known
        for group in groups {
            try await reader.read(group, from: start, to: now) { auditor.read($0.text) }
        }
        return auditor
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
