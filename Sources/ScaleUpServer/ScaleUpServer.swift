import ArgumentParser
import Curl
import Daemon
import Glibc
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ScaleUp

@main
struct ScaleUpServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale-up-server",
        abstract: "Answers HCP Terraform's run tasks and starts agents for them.",
        discussion: """
            POST to any path is the run task; GET /healthz is 200 while it runs.
            Settings come from the environment; every fault is reported at once.

              ECS_CLUSTER, ECS_SERVICE     the service of the agents (required)
              LEDGER_TABLE                 DynamoDB table of the ledger (required)
              RUN_TASK_HMAC_KEY            the run task's key, or
              RUN_TASK_HMAC_KEY_PARAMETER  the SSM parameter that holds it
              TFC_ADDRESS                  where callbacks go (https://app.terraform.io)
              ANNOUNCE_STAGES              stages that start an agent (pre_plan,pre_apply)
              DESIRED_COUNT, MAX_COUNT, SPARE_COUNT
                                           limits where the table has none (0, 10, 0)
              LISTEN_ADDRESS, PORT         where to listen (0.0.0.0, 8080; 0 takes any port)
              LOG_LEVEL                    trace, debug, info, warning, error (info)
            """
    )

    func run() async throws {
        // libcurl leaves this signal to the application ("libcurl thread safety").
        signal(SIGPIPE, SIG_IGN)
        let environment = processEnvironment()
        let logger = Logger.program("scale-up-server", environment: environment)
        do {
            var listen = Listen()
            let settings = try EndpointSettings(environment) { listen = Listen(&$0) }
            let http = try CurlClient(
                CurlConfiguration(
                    userAgent: "scale-up-server",
                    caBundlePath: environment["SSL_CERT_FILE"]
                )
            )
            defer { http.stop() }
            let endpoint = Endpoint(settings, http: http, logger: logger)
            try await serve(endpoint, listen, logger)
        } catch let fault as SettingsFault {
            complain("\(fault)")
            throw ExitCode.failure
        } catch {
            logger.critical("cannot serve", metadata: ["cause": "\(error)"])
            throw ExitCode.failure
        }
    }

    private func serve(_ endpoint: Endpoint, _ listen: Listen, _ logger: Logger)
        async throws
    {
        let router = Router()
        router.get("/healthz") { _, _ in Response(status: .ok) }
        router.on("/**", method: .post) { request, _ in await answer(request, endpoint) }
        router.on("/", method: .post) { request, _ in await answer(request, endpoint) }
        router.add(middleware: OtherMethods())
        let application = Application(
            router: router,
            configuration: .init(
                address: .hostname(listen.address, port: listen.port),
                serverName: "scale-up-server"
            ),
            onServerRunning: { channel in
                logger.info(
                    "listening",
                    metadata: ["port": "\(channel.localAddress?.port ?? listen.port)"]
                )
            },
            logger: logger
        )
        try await application.runService()
    }
}

/// Where the server listens.
struct Listen {
    private(set) var address = "0.0.0.0"
    private(set) var port = 8_080

    init() {}

    init(_ reader: inout SettingsReader) {
        address = reader.value("LISTEN_ADDRESS") ?? address
        port = reader.count(
            "PORT",
            default: port,
            in: 0...65_535,
            expected: "a port number, or 0 for any"
        )
    }
}

/// Everything but POST and the health check is 405, where the router would say 404.
struct OtherMethods<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if request.method == .post || request.uri.path == "/healthz" {
            return try await next(request, context)
        }
        return Response(status: .methodNotAllowed, headers: [.allow: "POST"])
    }
}

private func answer(_ request: Request, _ endpoint: Endpoint) async -> Response {
    let body: [UInt8]
    do {
        // Stops reading at the limit, whatever length the request claims.
        body = Array(buffer: try await request.body.collect(upTo: Verdict.maximumBodyBytes))
    } catch is NIOTooManyBytesError {
        return response(EndpointResponse(413, "The body is larger than 1 MiB."))
    } catch {
        return response(EndpointResponse(400, "The body did not arrive."))
    }
    let headers = request.headers.map { (name: $0.name.rawName, value: $0.value) }
    return response(
        await endpoint.respond(
            to: EndpointRequest(method: request.method.rawValue, headers: headers, body: body)
        )
    )
}

private func response(_ answer: EndpointResponse) -> Response {
    Response(
        status: .init(code: answer.status),
        headers: [.contentType: "text/plain; charset=utf-8"],
        body: .init(byteBuffer: ByteBuffer(string: answer.body))
    )
}
