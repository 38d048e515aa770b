internal import AWS
package import Curl
internal import Daemon
internal import Decisions
internal import HCPTerraform
package import Logging
internal import Ports

extension Endpoint {
    /// The endpoint over the real AWS and HCP Terraform.
    ///
    /// - Parameter answersMany: whether this process has several requests at a time.
    package init(
        _ settings: EndpointSettings,
        answersMany: Bool,
        http: any HTTPClient,
        logger: Logger
    ) {
        let aws = AWSClient(
            settings.aws,
            credentials: CredentialsProvider(settings.credentials, http: http),
            http: http,
            totalDeadline: Self.budget / 2
        )
        let service = ECSService(
            ECSClient(aws),
            cluster: settings.cluster,
            service: settings.service
        )
        let store = DynamoDBLedgerStore(
            aws,
            table: settings.ledgerTable,
            cluster: settings.cluster,
            service: settings.service,
            environment: settings.limits,
            adoption: nil
        )
        let announcer = Announcer(store: store, service: service, clock: { .now() })
        let ssm = SSMClient(aws)
        let api = settings.terraform.map {
            TerraformAPI(http, address: settings.address, token: Self.token($0.token, ssm))
        }
        // Together no more may wait for a reading than for that of one parameter.
        let readers = [settings.key, settings.notificationToken].count { source in
            if case .parameter = source { true } else { false }
        }
        let reading = { source in
            Self.keys(source, ssm, readers: readers, answersMany: answersMany, logger)
        }
        let keys = reading(settings.key)
        let notificationKeys = settings.notificationToken.map(reading) ?? keys
        let parts = Parts(
            keys: keys,
            notificationKeys: notificationKeys,
            policy: Verdict.Policy(
                origin: settings.origin,
                announceStages: settings.announceStages,
                announceWorkspaces: settings.announceWorkspaces,
                announceRunCreated: settings.announceRunCreated
            ),
            announcer: announcer,
            sweeper: Sweeper(
                store: store,
                service: service,
                announcer: announcer,
                search: Self.search(settings, api),
                patience: settings.announcedJobTimeout,
                isOver: api.map { Self.isOver(RunsAPI($0)) }
            ),
            callback: CallbackClient(http),
            pools: Self.pools(settings, api),
            page: ConsolePage.service(
                region: settings.aws.region,
                cluster: settings.cluster,
                service: settings.service
            )
        )
        self.init(parts, logger: logger)
    }

    private static func keys(
        _ key: SecretSource,
        _ ssm: SSMClient,
        readers: Int,
        answersMany: Bool,
        _ logger: Logger
    ) -> RunTaskKeys {
        switch key {
        case .given(let secret):
            return RunTaskKeys(secret)
        case .parameter(let name):
            return RunTaskKeys(
                of: "the SSM parameter \(name)",
                read: {
                    // As it is: HCP Terraform may have been given its white space too.
                    do throws(AWSFailure) {
                        return try await ssm.getParameter(name)
                    } catch {
                        throw SecretFailure.unreadable(parameter: name, cause: error)
                    }
                },
                isOneOfMany: !answersMany,
                mostWaiting: RunTaskKeys.mostWaiting / readers,
                complain: { logger.error("\($0)") }
            )
        }
    }

    /// Read when it is needed first, and again once HCP Terraform refused it.
    private static func token(_ source: SecretSource, _ ssm: SSMClient) -> TokenSource {
        let held = HeldSecret(source) { try await $0.read(ssm) }
        return TokenSource(
            current: { try await held.value() },
            wasRefused: { await held.wasRefused($0) }
        )
    }

    private static func search(_ settings: EndpointSettings, _ api: TerraformAPI?) -> RunSearch? {
        guard let terraform = settings.terraform, let api else { return nil }
        return RunSearch(
            PoolRunsAPI(api, organization: terraform.organization, pool: terraform.pool)
        )
    }

    private static func isOver(_ runs: RunsAPI) -> Sweeper.IsOver {
        { job in try await runs.isOver(job, aged: true) }
    }

    private static func pools(_ settings: EndpointSettings, _ api: TerraformAPI?) -> WorkspacePools?
    {
        guard let terraform = settings.terraform, let pool = terraform.poolID, let api else {
            return nil
        }
        let workspaces = WorkspacesAPI(api)
        return WorkspacePools(pool: pool, organization: terraform.organization) {
            try await workspaces.place(
                organization: $0,
                workspace: $1,
                deadline: WorkspacePools.deadline
            )
        }
    }
}

/// Pages of the AWS console that a person is sent to.
package enum ConsolePage {
    /// The health page of an ECS service. Partitions other than `aws` have consoles of their own
    /// (AWS Management Console, "Endpoints").
    package static func service(region: String, cluster: String, service: String) -> String {
        let host =
            if region.hasPrefix("cn-") {
                "\(region).console.amazonaws.cn"
            } else if region.hasPrefix("us-gov-") {
                "\(region).console.amazonaws-us-gov.com"
            } else {
                "\(region).console.aws.amazon.com"
            }
        return "https://\(host)/ecs/v2/clusters/\(cluster)/services/\(service)/health"
            + "?region=\(region)"
    }
}
