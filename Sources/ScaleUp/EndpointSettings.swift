package import AWS
package import Daemon
package import Decisions
package import HCPTerraform

/// What the endpoint is told from outside, read once.
package struct EndpointSettings: Sendable {
    package enum Key: Sendable {
        case given(RunTaskKey)
        /// The name of the SSM parameter that holds it.
        case parameter(String)
    }

    package let cluster: String
    package let service: String
    package let ledgerTable: String
    package let limits: Limits
    package let key: Key
    package let origin: Origin
    package let announceStages: Set<RunTaskRequest.Stage>
    package let credentials: CredentialsSource
    package let aws: AWSEnvironment

    /// - Parameters:
    ///   - environment: the process environment.
    ///   - readMore: reads what only one program has, so that its faults come with the others.
    /// - Throws: `SettingsFault` with every fault at once.
    package init(
        _ environment: [String: String],
        readMore: (inout SettingsReader) -> Void = { _ in }
    ) throws(SettingsFault) {
        var reader = SettingsReader(environment)
        cluster = reader.required("ECS_CLUSTER", expected: "the name of the ECS cluster")
        service = reader.required("ECS_SERVICE", expected: "the name of the ECS service")
        ledgerTable = reader.required(
            "LEDGER_TABLE",
            expected: "the name of the DynamoDB table that holds the ledger"
        )
        limits = reader.limits()
        key = Self.key(&reader)
        let hcp = "https://app.terraform.io"
        let address = reader.address("TFC_ADDRESS", default: hcp)
        origin = Self.origin(address, &reader)
        announceStages = Self.stages(&reader)
        let found = Self.aws(environment, &reader)
        readMore(&reader)
        try reader.check()
        guard let (aws, credentials) = found else {
            preconditionFailure("AWS settings that are missing must have been noted as faults")
        }
        self.aws = aws
        self.credentials = credentials
    }

    private static func key(_ reader: inout SettingsReader) -> Key {
        if reader.value("RUN_TASK_HMAC_KEY") == nil,
            let name = reader.value("RUN_TASK_HMAC_KEY_PARAMETER")
        {
            return .parameter(name)
        }
        return .given(
            RunTaskKey(
                reader.requiredSecret(
                    "RUN_TASK_HMAC_KEY",
                    expected: "the run task's HMAC key, or RUN_TASK_HMAC_KEY_PARAMETER with the "
                        + "name of the SSM parameter that holds it"
                )
            )
        )
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

    private static func aws(
        _ environment: [String: String],
        _ reader: inout SettingsReader
    ) -> (AWSEnvironment, CredentialsSource)? {
        var aws: AWSEnvironment?
        var credentials: CredentialsSource?
        do throws(AWSSettingsFailure) {
            aws = try AWSEnvironment(environment)
        } catch {
            for problem in error.problems { reader.problem(problem) }
        }
        do throws(AWSSettingsFailure) {
            credentials = try CredentialsSource(environment)
        } catch {
            for problem in error.problems { reader.problem(problem) }
        }
        guard let aws, let credentials else { return nil }
        return (aws, credentials)
    }
}
