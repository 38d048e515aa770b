internal import AWS
package import Curl
package import Daemon
internal import Decisions
internal import HCPTerraform
internal import Ports
internal import Telemetry

extension Endpoint {
    /// The endpoint over the real AWS and HCP Terraform.
    ///
    /// - Parameter answersMany: whether this process has several requests at a time.
    package init(
        _ settings: EndpointSettings,
        answersMany: Bool,
        http: any HTTPClient,
        log: ProgramLog
    ) {
        let aws = AWSClient(
            settings.aws,
            credentials: CredentialsProvider(settings.credentials, http: http),
            http: http,
            totalDeadline: Self.budget / 2
        )
        let ssm = SSMClient(aws)
        let api = settings.token.map {
            TerraformAPI(http, address: settings.address, token: Self.token($0, ssm))
        }
        // Together no more may wait for a reading than for that of one parameter.
        let readers = [settings.key, settings.notificationToken].count { source in
            if case .parameter = source { true } else { false }
        }
        let reading = { source in
            Self.keys(source, ssm, readers: readers, answersMany: answersMany, log)
        }
        let keys = reading(settings.key)
        let notificationKeys = settings.notificationToken.map(reading) ?? keys
        let pools = settings.pools.map { pool in
            Pool(
                pool,
                aws,
                region: settings.aws.region,
                patience: settings.announcedJobTimeout,
                isOver: api.map { Self.isOver(RunsAPI($0), pool, of: settings.pools) }
            )
        }
        let parts = Parts(
            keys: keys,
            notificationKeys: notificationKeys,
            policy: Verdict.Policy(
                origin: settings.origin,
                announceStages: settings.announceStages,
                announceWorkspaces: settings.announceWorkspaces,
                announceRunCreated: settings.announceRunCreated
            ),
            pools: pools,
            table: settings.table,
            sweeper: Sweeper(Self.groups(settings, pools.map(\.keeper), api)),
            callback: CallbackClient(http),
            workspaces: Self.workspaces(settings, api),
            admission: settings.admission
        )
        self.init(parts, log: log)
    }

    private static func keys(
        _ key: SecretSource,
        _ ssm: SSMClient,
        readers: Int,
        answersMany: Bool,
        _ log: ProgramLog
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
                complain: { log(.keyHasWhiteSpace, "\($0)") }
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

    private static func isOver(
        _ runs: RunsAPI,
        _ pool: PoolSettings,
        of pools: [PoolSettings]
    ) -> PoolKeeper.IsOver {
        let services = pools.map(\.place.service).filter { $0 != pool.place.service }
        let ours = Executor.Place(
            agentPoolID: pool.entry.agentPoolID,
            otherServices: services
        )
        return { job in try await runs.isOver(job, aged: true, ours: ours) }
    }

    /// Pools with the same agent pool together, since its list of runs is theirs together; and all
    /// searches within one limit, which is the token's.
    private static func groups(
        _ settings: EndpointSettings,
        _ keepers: [PoolKeeper],
        _ api: TerraformAPI?
    ) -> [SweepGroup] {
        let budget = SharedBudget()
        var groups: [SweepGroup] = []
        var places: [PoolSettings.AgentPool: [Int]] = [:]
        for (place, pool) in settings.pools.enumerated() {
            if api != nil, let agentPool = pool.agentPool {
                places[agentPool, default: []].append(place)
            } else {
                groups.append(SweepGroup([(place, keepers[place])], of: settings.table))
            }
        }
        guard let api else { return groups }
        for (agentPool, places) in places {
            let runs = PoolRunsAPI(api, organization: agentPool.organization, pool: agentPool.name)
            let memory = WorkspaceMemory(organization: "") { [api = WorkspacesAPI(api)] in
                try await api.workspace(id: $1, deadline: WorkspaceMemory.deadline)
            }
            groups.append(
                SweepGroup(
                    places.map { ($0, keepers[$0]) },
                    of: settings.table,
                    organization: agentPool.organization,
                    search: RunSearch(runs, budget: budget),
                    lookUp: { await memory.workspace(organization: "", name: $0) },
                    policies: settings.announceStages.contains(.postPlan)
                        ? PolicyEvaluationsAPI(api) : nil
                )
            )
        }
        return groups
    }

    private static func workspaces(
        _ settings: EndpointSettings,
        _ api: TerraformAPI?
    ) -> WorkspaceMemory? {
        guard let api, settings.table.asksWorkspace else { return nil }
        return WorkspaceMemory(organization: settings.organization) { [api = WorkspacesAPI(api)] in
            try await api.workspace(
                organization: $0,
                name: $1,
                deadline: WorkspaceMemory.deadline
            )
        }
    }
}

extension Endpoint.Pool {
    fileprivate init(
        _ settings: PoolSettings,
        _ aws: AWSClient,
        region: String,
        patience: Duration,
        isOver: PoolKeeper.IsOver?
    ) {
        let place = settings.place
        let ecs = ECSClient(aws)
        let service = ECSService(ecs, cluster: place.cluster, service: place.service)
        let starts = StartLog()
        let meter = LedgerMeter()
        let store = DynamoDBLedgerStore(
            aws,
            table: settings.ledgerTable,
            cluster: place.cluster,
            service: place.service,
            environment: settings.limits,
            adoption: nil,
            meter: meter
        )
        let announcer = Announcer(
            store: store,
            service: service,
            starts: starts,
            clock: { .now() }
        )
        self.init(
            settings.name,
            announcer: announcer,
            keeper: PoolKeeper(
                settings.name,
                store: store,
                service: service,
                announcer: announcer,
                starts: starts,
                startNews: {
                    try await StartNews(ecs, cluster: place.cluster, service: place.service)
                },
                patience: patience,
                isOver: isOver
            ),
            page: ConsolePage.service(
                region: region,
                cluster: place.cluster,
                service: place.service
            )
        )
        self.place = place.fields
        ledgerCost = { meter.measured }
    }
}

/// Pages of the AWS console that a person is sent to.
package enum ConsolePage {
    /// The health page of an ECS service. Partitions other than `aws` have consoles of their own
    /// (AWS Management Console, "Endpoints"); nil where theirs is not published.
    package static func service(region: String, cluster: String, service: String) -> String? {
        let domain: String
        switch AWSPartition(region: region).id {
        case "aws": domain = "aws.amazon.com"
        case "aws-cn": domain = "amazonaws.cn"
        case "aws-us-gov": domain = "amazonaws-us-gov.com"
        default: return nil
        }
        return "https://\(region).console.\(domain)/ecs/v2/clusters/\(cluster)/services/"
            + "\(service)/health?region=\(region)"
    }
}
