package import AWS
package import Curl
package import Daemon
package import Decisions

/// Which pool a person asks about, and with what rights.
package struct OperatorSettings: Sendable {
    /// Nil falls back to the task metadata.
    package let cluster: ECSName?
    package let service: ECSName?
    package let ledgerTable: String
    /// Used where the table's limits item says nothing.
    package let limits: Limits
    /// Set by ECS: this runs in a task.
    package let metadataURI: String?
    package let credentials: CredentialsSource
    package let authorities: TrustedAuthorities
    private let environment: [String: String]

    /// - Parameter environment: the process environment, or what a command line adds to it.
    /// - Throws: `SettingsFault` with every fault at once.
    package init(_ environment: [String: String]) throws(SettingsFault) {
        var reader = SettingsReader(environment)
        (cluster, service) = reader.ecsNames()
        metadataURI = reader.value("ECS_CONTAINER_METADATA_URI_V4")
        if metadataURI == nil {
            if cluster == nil {
                _ = reader.required("ECS_CLUSTER", expected: "the name of the ECS cluster")
            }
            if service == nil {
                _ = reader.required("ECS_SERVICE", expected: "the name of the ECS service")
            }
        }
        ledgerTable = reader.required(
            "LEDGER_TABLE",
            expected: "the name of the DynamoDB table that holds the ledger"
        )
        limits = reader.limits()
        authorities = reader.authorities()
        // In a task the region comes from its metadata, so any will do to look at the rest.
        let found = reader.aws(region: metadataURI == nil ? nil : "us-east-1")
        try reader.check()
        guard let found else {
            preconditionFailure("AWS settings that are missing must have been noted as faults")
        }
        credentials = found.credentials
        self.environment = environment
    }

    /// Where the pool is, and a client for its region.
    ///
    /// - Throws: what keeps anybody from asking at all.
    package func connect(
        _ http: any HTTPClient
    ) async throws -> (place: ECSPlace, aws: AWSClient) {
        var metadata: TaskMetadata?
        if let metadataURI, cluster == nil || service == nil || environment["AWS_REGION"] == nil {
            metadata = try await TaskMetadataClient(uri: metadataURI, http: http).task()
        }
        var reader = SettingsReader([:])
        let cluster = cluster?.short ?? metadata?.cluster ?? ""
        let service = service?.short ?? metadata?.serviceName ?? ""
        if service.isEmpty {
            reader.fault(
                "ECS_SERVICE",
                value: nil,
                expected: "the service's name, since the task metadata does not tell it here"
            )
        }
        try reader.check()
        let aws = AWSClient(
            try AWSEnvironment(environment, region: metadata?.region),
            credentials: CredentialsProvider(credentials, http: http),
            http: http
        )
        return (ECSPlace(cluster: cluster, service: service), aws)
    }
}
