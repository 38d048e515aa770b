import AWS
import Curl
import Daemon
import Glibc
import Operators
import Ports
import ProductVersion
import ScaleUp
import Telemetry

/// The scale-up endpoint as a Lambda function behind a function URL: the entry point `bootstrap`
/// of a custom runtime.
package enum ScaleUpLambda {
    package static func main() {
        let environment = processEnvironment()
        if CommandLine.arguments.dropFirst() == ["--version"] {
            print(ProductVersion.current)
            exit(0)
        }
        if CommandLine.arguments.count > 1 {
            complain(help)
            exit(CommandLine.arguments.dropFirst() == ["--help"] ? 0 : EX_USAGE)
        }
        Signals.run { stops in await run(environment, stops) }
    }

    /// - Returns: the exit code; after any but 0 Lambda starts the function anew.
    private static func run(
        _ environment: [String: String],
        _ stops: AsyncStream<Int32>
    ) async -> Int32 {
        guard let address = environment["AWS_LAMBDA_RUNTIME_API"], !address.isEmpty else {
            complain("AWS_LAMBDA_RUNTIME_API is not set, so this is no Lambda function.\n" + help)
            return 1
        }
        do {
            let settings = try EndpointSettings(environment)
            let http = try CurlClient(
                CurlConfiguration(
                    userAgent: "scale-up-lambda",
                    caBundlePath: settings.authorities.path,
                    moreAuthorities: settings.authorities.more
                )
            )
            defer { http.stop() }
            let log = settings.log(of: "scale-up-lambda")
            log(
                .functionStarted,
                "started",
                [
                    .version: "\(ProductVersion.current)",
                    .libraries: "\(CurlClient.libraries)",
                ]
            )
            let endpoint = Endpoint(
                settings,
                answersMany: false,
                http: http,
                log: log
            )
            let lookout = Lookout(settings, over: http)
            let loop = RuntimeLoop(
                api: RuntimeAPI(address: address, http: http),
                respond: { await endpoint.respond(to: $0) },
                sweep: {
                    let outcome = await endpoint.sweep()
                    return EndpointResponse(outcome.hasFailed ? 503 : 200, "\(outcome)")
                },
                ask: { await $0.answer { await lookout.report($0, of: $1, at: .now()) } },
                now: { .now() },
                log: log
            )
            return await Home.run(on: http.executor) { await serve(loop, stops) }
        } catch {
            complain("\(error)")
            await reportInit(error, address)
            return 1
        }
    }

    /// Runs until a stop signal, or until the Runtime API ends it. What has been taken is
    /// answered first.
    private static func serve(_ loop: RuntimeLoop, _ stops: AsyncStream<Int32>) async -> Int32 {
        let work = Task(executorPreference: Home.executor) { await loop.run() }
        let watch = Task { for await _ in stops { work.cancel() } }
        defer { watch.cancel() }
        return await work.value
    }

    /// Tells Lambda why nothing was started, so that the reason is in its answer and not only in
    /// the log. Uses no setting, since a setting may be what is wrong.
    private static func reportInit(_ error: any Error, _ address: String) async {
        guard let http = try? CurlClient() else { return }
        defer { http.stop() }
        let type = error is SettingsFault ? "Settings.Incomplete" : "Runtime.SetupFailed"
        do {
            try await RuntimeAPI(address: address, http: http)
                .failInit(FunctionError(type: type, message: "\(error)"))
        } catch {
            complain("\(error)")
        }
    }

    private static let help = """
        scale-up-lambda answers HCP Terraform's run tasks as a Lambda function.

        Deploy it as `bootstrap` of a custom runtime, behind a function URL, with a schedule
        that invokes it every minute for the sweep. Elsewhere scale-up-server does the same;
        `scale-up-server --help` lists the settings, which are read from the environment.
        """
}
