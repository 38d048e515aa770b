package import ArgumentParser
import Curl
import Daemon
import Glibc
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ProductVersion
import ScaleUp
import Telemetry

package struct ScaleUpServer: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "scale-up-server",
        abstract: "Answers HCP Terraform's run tasks and starts agents for them.",
        discussion: """
            POST to any path is a run task or a notification, to /pools/NAME one for
            that pool; GET /healthz is 200 while it runs, GET /pools says how each
            pool's last sweep went. Once a minute it makes the service follow the ledger and,
            with an API token, looks for runs that nobody announced.
            Settings come from the environment; every fault is reported at once.

              ECS_CLUSTER, ECS_SERVICE  the service of the agents, names or ARNs
                                        (required)
              LEDGER_TABLE              DynamoDB table of the ledger (required)
              POOLS, POOLS_FILE         several services as a JSON list, in place of
                                        ECS_SERVICE, TFC_AGENT_POOL_NAME and
                                        TFC_AGENT_POOL_ID; or a file with it
              RUN_TASK_HMAC_KEY         the run task's key, or
              RUN_TASK_HMAC_KEY_PARAMETER
                                        the SSM parameter that holds it
              NOTIFICATION_TOKEN        the token of notification configurations (the
                                        run task's key), or
              NOTIFICATION_TOKEN_PARAMETER
                                        the SSM parameter that holds it
              TFC_ADDRESS               where callbacks go
                                        (https://app.terraform.io)
              ANNOUNCE_STAGES           stages that start an agent
                                        (pre_plan,pre_apply)
              ANNOUNCE_WORKSPACES       names, with * for any characters (all)
              ANNOUNCE_RUN_CREATED      true: the notification that a run was created
                                        announces its plan (false)
              TFE_TOKEN                 API token, or
              TFE_TOKEN_PARAMETER       the SSM parameter that holds it; then needed:
              TFC_ORGANIZATION, TFC_AGENT_POOL_NAME
                                        whose runs are looked for
              TFC_AGENT_POOL_ID         whose workspaces are announced (all)
              ANNOUNCED_JOB_TIMEOUT_SECONDS
                                        how long a job that no agent received
                                        counts (3600)
              DESIRED_COUNT, MAX_COUNT, SPARE_COUNT
                                        limits where the table has none (0, 10, 0)
              ALLOWED_ADDRESSES         addresses and CIDR ranges that may call (all)
              TRUSTED_PROXIES           the same of proxies whose X-Forwarded-For is
                                        believed (none)
              LISTEN_ADDRESS, PORT      where to listen (0.0.0.0, 8080; port 0
                                        takes any)
              SSL_CERT_FILE             another CA bundle (the system's)
              CA_BUNDLE                 more authorities, as PEM text (none)
              AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT
                                        as AWS's SDKs have them (false)
              LOG_LEVEL                 trace, debug, info, notice, warning or
                                        warn, error, critical (info)
              METRICS                   on, or off: whether lines say what of them
                                        CloudWatch is to count (on)
            """,
        version: ProductVersion.current
    )

    package init() {}

    package func run() async throws {
        // libcurl leaves this signal to the application ("libcurl thread safety").
        signal(SIGPIPE, SIG_IGN)
        let environment = processEnvironment()
        var listen = Listen()
        let settings: EndpointSettings
        do {
            settings = try EndpointSettings(environment) { listen = Listen(&$0) }
        } catch {
            complain("\(error)")
            throw ExitCode.failure
        }
        let log = settings.log(of: "scale-up-server")
        do {
            let http = try CurlClient(
                CurlConfiguration(
                    userAgent: "scale-up-server",
                    caBundlePath: settings.authorities.path,
                    moreAuthorities: settings.authorities.more,
                    // A burst's callbacks go out at once; a handshake for each would cost more
                    // than the rest of the request.
                    maximumConnectionsKept: 64
                )
            )
            defer { http.stop() }
            let endpoint = Endpoint(
                settings,
                answersMany: true,
                http: http,
                log: log
            )
            try await serve(endpoint, http, listen, log)
        } catch {
            log(.cannotServe, "cannot serve", [.cause: "\(error)"])
            throw ExitCode.failure
        }
    }

    private func serve(
        _ endpoint: Endpoint,
        _ client: CurlClient,
        _ listen: Listen,
        _ log: ProgramLog
    ) async throws {
        let strangers = Strangers()
        let unjudged = UnjudgedBytes()
        let http = HTTP1Channel.Configuration(
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: Bounds.head,
                maxHeaderListSize: Bounds.head,
                maxHeaderFieldCount: 100
            )
        )
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { request, _ in
                await endpoint.answer(request)
            },
            server: HTTPServerBuilder { responder in
                GatedConnection(
                    http: HTTP1Channel(responder: responder, configuration: http),
                    endpoint: endpoint,
                    strangers: strangers,
                    unjudged: unjudged
                )
            },
            configuration: .init(
                address: .hostname(listen.address, port: listen.port),
                serverName: "scale-up-server",
                backlog: 1_024,
                availableConnectionsDelegate: MaximumAvailableConnections(Bounds.connections)
            ),
            onServerRunning: { channel in
                log(
                    .listening,
                    "listening",
                    [
                        .port: .count(channel.localAddress?.port ?? listen.port),
                        .version: "\(ProductVersion.current)",
                        .libraries: "\(CurlClient.libraries)",
                    ]
                )
            },
            logger: Logger(label: "hummingbird") { _ in LibraryLog(log) }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await endpoint.sweepEveryMinute() }
            // Returns after SIGTERM, when every request that was accepted is answered.
            try await Home.run(on: client.executor) { try await application.runService() }
            group.cancelAll()
        }
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
