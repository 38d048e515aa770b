package import Daemon

/// What a checkup looks at beside the pool itself.
package struct DoctorSettings: Sendable {
    /// With whose rights it looks.
    package let seat: Examination.Seat
    /// HCP Terraform or Terraform Enterprise.
    package let address: String
    package let token: SecretSource?
    package let organization: String?
    package let poolName: String?
    package let poolID: String?
    /// The run task's HMAC key.
    package let key: SecretSource?
    /// Where run tasks call the endpoint.
    package let url: String?
    /// A workspace that should run in this pool.
    package let workspace: String?
    /// What the names of the pool's alarms begin with.
    package let alarmPrefix: String?

    package init(
        seat: Examination.Seat,
        address: String,
        token: SecretSource?,
        organization: String?,
        poolName: String?,
        poolID: String?,
        key: SecretSource
    ) {
        self.seat = seat
        self.address = address
        self.token = token
        self.organization = organization
        self.poolName = poolName
        self.poolID = poolID
        self.key = key
        url = nil
        workspace = nil
        alarmPrefix = nil
    }

    /// - Parameter environment: the process environment, or what a command line adds to it.
    /// - Throws: `SettingsFault` with every fault at once.
    package init(
        _ environment: [String: String],
        url: String? = nil,
        workspace: String? = nil,
        alarmPrefix: String? = nil
    ) throws(SettingsFault) {
        var reader = SettingsReader(environment)
        let isTask = reader.value("ECS_CONTAINER_METADATA_URI_V4") != nil
        let isFunction = reader.value("AWS_LAMBDA_RUNTIME_API") != nil
        seat = isTask ? .task : isFunction ? .function : .person
        address = reader.address("TFC_ADDRESS", default: "https://app.terraform.io")
        token = reader.optionalSecretSource("TFE_TOKEN", expected: "an API token")
        organization = reader.value("TFC_ORGANIZATION")
        poolName = reader.value("TFC_AGENT_POOL_NAME")
        poolID = reader.value("TFC_AGENT_POOL_ID")
        key = reader.optionalSecretSource("RUN_TASK_HMAC_KEY", expected: "the run task's HMAC key")
        try reader.check()
        self.url = url
        self.workspace = workspace
        self.alarmPrefix = alarmPrefix
    }
}
