package import AWS
package import Daemon
package import HCPTerraform
package import Telemetry

/// What the endpoint is told from outside, read once.
package struct EndpointSettings: Sendable {
    /// The pools behind this endpoint; most often it is one.
    package let pools: [PoolSettings]
    /// Which of them a call is for.
    package let table: PoolTable
    /// The run task's HMAC key.
    package let key: SecretSource
    /// The token of notification configurations; nil where they have the run task's key.
    package let notificationToken: SecretSource?
    package let origin: Origin
    /// `TFC_ADDRESS`, without a path.
    package let address: String
    package let announceStages: Set<RunTaskRequest.Stage>
    package let announceWorkspaces: WorkspacePatterns
    package let announceRunCreated: Bool
    /// How long a job that no agent received counts.
    package let announcedJobTimeout: Duration
    /// The API's token, for what no run task tells; nil without `TFE_TOKEN` and
    /// `TFE_TOKEN_PARAMETER`.
    package let token: SecretSource?
    /// `TFC_ORGANIZATION`: where a workspace is looked for when a call names none.
    package let organization: String
    package let credentials: CredentialsSource
    package let aws: AWSEnvironment
    package let authorities: TrustedAuthorities
    /// Who may call.
    package let admission: Admission
    package let logLevel: LogLevel
    /// Whether CloudWatch is to count what lines measure.
    package let metrics: Bool

    /// A program's log. What is about no pool of its own is said of the first.
    package func log(of program: String) -> ProgramLog {
        let log = ProgramLog(of: program, threshold: logLevel, embedding: metrics)
        guard let place = pools.first?.place else { return log }
        return log.with(place.fields)
    }

    /// - Parameters:
    ///   - environment: the process environment.
    ///   - readMore: reads what only one program has, so that its faults come with the others.
    /// - Throws: `SettingsFault` with every fault at once.
    package init(
        _ environment: [String: String],
        readMore: (inout SettingsReader) -> Void = { _ in }
    ) throws(SettingsFault) {
        var reader = SettingsReader(environment)
        token = reader.optionalSecretSource("TFE_TOKEN", expected: "an API token")
        organization = reader.value("TFC_ORGANIZATION") ?? ""
        (pools, table) = Self.pools(&reader, hasToken: token != nil)
        key = reader.requiredSecretSource(
            "RUN_TASK_HMAC_KEY",
            expected: "the run task's HMAC key"
        )
        notificationToken = reader.optionalSecretSource(
            "NOTIFICATION_TOKEN",
            expected: "the token of the notification configurations"
        )
        let hcp = "https://app.terraform.io"
        address = reader.address("TFC_ADDRESS", default: hcp)
        origin = Self.origin(address, &reader)
        announceStages = Self.stages(&reader)
        announceWorkspaces = Self.workspaces(&reader)
        announceRunCreated = Self.runCreated(&reader)
        announcedJobTimeout = reader.announcedJobTimeout()
        let found = reader.aws()
        authorities = reader.authorities()
        admission = Admission(
            allowed: Self.addresses("ALLOWED_ADDRESSES", &reader),
            proxies: Self.addresses("TRUSTED_PROXIES", &reader) ?? .none
        )
        logLevel = reader.logLevel()
        metrics = reader.metrics()
        readMore(&reader)
        try reader.check()
        guard let found else {
            preconditionFailure("AWS settings that are missing must have been noted as faults")
        }
        aws = found.environment
        credentials = found.credentials
    }

    private static func workspaces(_ reader: inout SettingsReader) -> WorkspacePatterns {
        guard let text = reader.value("ANNOUNCE_WORKSPACES") else { return .all }
        if let patterns = WorkspacePatterns(text) { return patterns }
        reader.fault(
            "ANNOUNCE_WORKSPACES",
            value: text,
            expected: "names of workspaces with commas between them, * for any characters"
        )
        return .all
    }

    private static func addresses(
        _ name: String,
        _ reader: inout SettingsReader
    ) -> AddressRanges? {
        guard let text = reader.value(name) else { return nil }
        if let ranges = AddressRanges(text) { return ranges }
        reader.fault(
            name,
            value: text,
            expected: "addresses and ranges with commas between them, such as "
                + "192.0.2.1,10.0.0.0/8,2001:db8::/32, with no bits set beyond a prefix"
        )
        return nil
    }

    private static func runCreated(_ reader: inout SettingsReader) -> Bool {
        let text = reader.value("ANNOUNCE_RUN_CREATED") ?? "false"
        if text != "true" && text != "false" {
            reader.fault("ANNOUNCE_RUN_CREATED", value: text, expected: "true or false")
        }
        return text == "true"
    }

    private static func origin(_ address: String, _ reader: inout SettingsReader) -> Origin {
        if let origin = Origin(address) { return origin }
        reader.fault(
            "TFC_ADDRESS",
            value: address,
            expected: "an address such as https://app.terraform.io"
        )
        return .hcpTerraform
    }

    private static func stages(_ reader: inout SettingsReader) -> Set<RunTaskRequest.Stage> {
        let text = reader.value("ANNOUNCE_STAGES") ?? "pre_plan,pre_apply"
        var stages: Set<RunTaskRequest.Stage> = []
        for part in text.split(separator: ",") {
            let name = part.filter { $0 != " " }
            guard let stage = RunTaskRequest.Stage(rawValue: name), stage.jobType != nil else {
                let names = RunTaskRequest.Stage.allCases.filter { $0.jobType != nil }
                    .map(\.rawValue).joined(separator: ", ")
                reader.fault("ANNOUNCE_STAGES", value: text, expected: "some of \(names)")
                continue
            }
            stages.insert(stage)
        }
        return stages
    }
}

extension ECSPlace {
    /// How lines say which service they are about.
    var fields: LogFields { [.cluster: "\(cluster)", .service: "\(service)"] }
}
