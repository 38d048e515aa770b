internal import AWS
package import Curl
internal import Decisions
internal import HCPTerraform
package import Logging

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
            founding: service.founding(of: nil)
        )
        let announcer = Announcer(
            store: store,
            service: service,
            desk: DynamoDBDesk(
                aws,
                table: settings.ledgerTable,
                cluster: settings.cluster,
                service: settings.service
            ),
            gathers: answersMany,
            clock: { .now() },
            complain: {
                logger.warning(
                    "the announcements' desk cannot be used; each call is written by itself",
                    metadata: ["cause": "\($0)"]
                )
            }
        )
        let api = settings.terraform.map {
            TerraformAPI(http, address: settings.address, token: $0.token)
        }
        let parts = Parts(
            keys: Self.keys(settings.key, SSMClient(aws)),
            policy: Verdict.Policy(
                origin: settings.origin,
                announceStages: settings.announceStages,
                announceWorkspaces: settings.announceWorkspaces
            ),
            announcer: announcer,
            sweeper: Sweeper(
                store: store,
                service: service,
                announcer: announcer,
                search: Self.search(settings, api),
                patience: settings.announcedJobTimeout,
                isOver: api.map { Self.isOver(RunAPI($0)) }
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

    private static func keys(_ key: EndpointSettings.Key, _ ssm: SSMClient) -> RunTaskKeys {
        switch key {
        case .given(let secret): RunTaskKeys(read: { secret })
        case .parameter(let name): RunTaskKeys(read: { try await ssm.getParameter(name) })
        }
    }

    private static func search(_ settings: EndpointSettings, _ api: TerraformAPI?) -> RunSearch? {
        guard let terraform = settings.terraform, let api else { return nil }
        return RunSearch(
            RunsAPI(api, organization: terraform.organization, pool: terraform.pool)
        )
    }

    private static func isOver(_ runs: RunAPI) -> Sweeper.IsOver {
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
