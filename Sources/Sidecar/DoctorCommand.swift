import ArgumentParser
import Curl
import Daemon
import Decisions
import Glibc
import Operators
import ProductVersion
import Ports

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks for what is wrong with the pool, and says what to do.",
        discussion: PoolOptions.discussion("doctor") + """


            It changes nothing: what must be written to be tried is written on a condition
            that cannot hold. In a task it looks with the task role, which every run has,
            and also for rights that are too many. For HCP Terraform it takes TFE_TOKEN,
            TFC_ORGANIZATION, TFC_AGENT_POOL_NAME and TFC_AGENT_POOL_ID, for the
            endpoint RUN_TASK_HMAC_KEY, each as the programs do.

            One line a check: ok, ? for what cannot be told, ! for what is doubtful,
            X for what is faulty. Exit code, by the worst of them: 0, 1, 2, 3; 64 for
            options or settings that are wrong.
            """
    )

    @OptionGroup var pool: PoolOptions

    @Option(help: "Where run tasks call the endpoint: terraform output webhook_url.")
    var url: String?

    @Option(help: "A workspace that should run in this pool.")
    var workspace: String?

    @Option(help: "What the names of the pool's alarms begin with (the service's prefix).")
    var alarms: String?

    @Flag(help: "One JSON object, in one line.")
    var json = false

    func run() throws {
        let environment = pool.environment
        let (url, workspace, alarms, json) = (url, workspace, alarms, json)
        Signals.run { stops in
            let listening = Task {
                for await number in stops { Glibc.exit(128 + number) }
            }
            defer { listening.cancel() }
            do {
                let settings = try OperatorSettings(environment)
                let http = try CurlClient(
                    CurlConfiguration(
                        userAgent: "agent-sidecar",
                        caBundlePath: settings.authorities.path,
                        moreAuthorities: settings.authorities.more
                    )
                )
                defer { http.stop() }
                let examiner = try await Examiner(
                    DoctorSettings(
                        environment,
                        url: url,
                        workspace: workspace,
                        alarmPrefix: alarms
                    ),
                    settings,
                    version: ProductVersion.current,
                    over: http
                )
                let checkup = Checkup(await examiner.examine(at: .now()))
                let isColored = Screen.isColored(environment)
                print(
                    json ? checkup.json : checkup.page.text(isColored: isColored),
                    terminator: json ? "\n" : ""
                )
                fflush(nil)
                return checkup.exitCode
            } catch {
                complain("\(error)")
                return EX_USAGE
            }
        }
    }
}
