import ArgumentParser
import Curl
import Daemon
import Decisions
import Glibc
import Operators
import Ports

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows what the pool does, and why a job waits.",
        discussion: PoolOptions.discussion("status") + """


            It only reads. What it may not read it says in its place; the rest is shown.
            Exit code: 0 when everything could be read, 1 when something could not, 64 for
            options or settings that are wrong.
            """
    )

    @OptionGroup var pool: PoolOptions

    @Flag(help: "Shows it again and again, until Ctrl-C.")
    var watch = false

    @Option(help: "With --watch: seconds between two looks, 1 to 3600.")
    var every = 5

    @Flag(help: "One JSON object a look, in one line.")
    var json = false

    func validate() throws {
        guard (1...3_600).contains(every) else {
            throw ValidationError("--every takes whole seconds from 1 to 3600.")
        }
    }

    func run() throws {
        let environment = pool.environment
        let screen = Screen(environment, isJSON: json, isLive: watch)
        let period: Duration? = watch ? .seconds(every) : nil
        Signals.run { stops in
            let looking = Task { await Self.look(environment, screen, every: period) }
            let listening = Task {
                for await _ in stops { looking.cancel() }
            }
            defer { listening.cancel() }
            return await looking.value
        }
    }

    /// - Returns: the exit code.
    private static func look(
        _ environment: [String: String],
        _ screen: Screen,
        every period: Duration?
    ) async -> Int32 {
        let http: CurlClient
        let reader: PoolReader
        do {
            let settings = try OperatorSettings(environment)
            http = try CurlClient(
                CurlConfiguration(
                    userAgent: "agent-sidecar",
                    caBundlePath: settings.authorities.path,
                    moreAuthorities: settings.authorities.more
                )
            )
            let (place, aws) = try await settings.connect(http)
            reader = PoolReader(
                aws,
                place,
                table: settings.ledgerTable,
                limits: settings.limits
            )
        } catch {
            complain("\(error)")
            return EX_USAGE
        }
        defer { http.stop() }
        while true {
            let status = await reader.look(at: .now())
            // What was cut off by Ctrl-C says nothing of the pool.
            guard !Task.isCancelled else { return 0 }
            screen.show(status)
            guard let period else { return status.unknown.isEmpty ? 0 : 1 }
            guard (try? await Task.sleep(for: period)) != nil else { return 0 }
        }
    }
}
