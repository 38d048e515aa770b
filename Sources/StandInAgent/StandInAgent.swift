import Curl
import FoundationEssentials
import Glibc

/// Stands in for `tfc-agent` in rehearsals: the same settings, log lines, signals and exit codes as
/// documented for the real one, and jobs that only take time.
@main
enum StandInAgent {
    static func main() {
        if let seconds = StandInWork.seconds(CommandLine.arguments) { StandInWork.run(seconds) }
        signal(SIGPIPE, SIG_IGN)
        // Blocked before any thread exists, so that only `sigwait` below ever takes them.
        var stops = sigset_t()
        sigemptyset(&stops)
        for number in [SIGINT, SIGTERM, SIGQUIT] { sigaddset(&stops, number) }
        pthread_sigmask(SIG_BLOCK, &stops, nil)

        let settings: StandInSettings
        do throws(SettingsError) {
            settings = try StandInSettings(
                arguments: Array(CommandLine.arguments.dropFirst()),
                environment: ProcessInfo.processInfo.environment
            )
        } catch {
            Log(isJSON: false).write(.error, "agent", error.description)
            exit(1)
        }
        let log = Log(isJSON: settings.logsJSON)
        let source: any JobSource
        do {
            source = try Self.source(settings, log)
        } catch {
            log.write(.error, "agent", "\(error)")
            exit(1)
        }
        let stop = StopRequest()
        let agent = StandInLife(settings: settings, source: source, log: log, stop: stop)
        Task.detached { exit(await agent.run()) }

        var count = 0
        while true {
            var number: Int32 = 0
            sigwait(&stops, &number)
            count += 1
            log.write(
                .info,
                "agent",
                "Stop signal received",
                [("signal", name(number)), ("count", "\(count)")]
            )
            if count == 1 {
                stop.request()
            } else {
                // Documented: a second signal ends the agent at once, its job is dropped.
                log.write(.warn, "agent", "Forced termination")
                stop.killChild()
                exit(1)
            }
        }
    }

    private static func source(
        _ settings: StandInSettings,
        _ log: Log
    ) throws -> any JobSource {
        let client = try CurlClient()
        guard let table = settings.table else {
            return TerraformJobs(settings: settings, client: client, log: log)
        }
        return try TableJobs(
            table: table,
            environment: ProcessInfo.processInfo.environment,
            client: client,
            log: log
        )
    }

    private static func name(_ number: Int32) -> String {
        switch number {
        case SIGINT: "interrupt"
        case SIGQUIT: "quit"
        default: "terminated"
        }
    }
}
