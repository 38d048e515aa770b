import AWS
import Curl
import Daemon
import HCPTerraform
import ProductVersion

/// Looks at HCP Terraform and at the public endpoint.
struct TerraformExaminer: Sendable {
    private let settings: DoctorSettings
    private let ssm: SSMClient
    private let http: any HTTPClient

    private static let deadline: Duration = .seconds(10)

    init(_ settings: DoctorSettings, ssm: SSMClient, over http: any HTTPClient) {
        self.settings = settings
        self.ssm = ssm
        self.http = http
    }

    func examine() async -> (TerraformExamination, EndpointExamination) {
        var found = TerraformExamination()
        found.address = settings.address
        found.isThere = await isThere()
        if let name = settings.poolName, let id = settings.poolID { found.pool = (name, id) }
        let why: String
        if found.isThere == .seen(false) {
            // Nobody else may get the token, and nobody who does not answer is asked again.
            why = "nothing at \(settings.address) says that it is HCP Terraform"
        } else if let token = settings.token {
            if let organization = settings.organization {
                await ask(organization, token, &found)
                return (found, await call())
            }
            why = "TFC_ORGANIZATION is not set"
        } else {
            why = "there is no TFE_TOKEN to ask with"
        }
        found.entitlements = .unseen(why)
        found.allowance = .unseen(why)
        found.poolName = .unseen(why)
        found.runTasks = .unseen(why)
        if let workspace = settings.workspace { found.workspace = (workspace, .unseen(why)) }
        return (found, await call())
    }

    /// What every such server says of itself (Terraform, "Remote service discovery").
    private func isThere() async -> Sighting<Bool> {
        let request = HTTPRequest(
            .get,
            settings.address + "/.well-known/terraform.json",
            deadline: Self.deadline
        )
        guard let answer = try? await http.send(request) else { return .seen(false) }
        let text = String(decoding: answer.body.prefix(10_000), as: UTF8.self)
        return .seen(answer.status == 200 && text.contains("\"tfe.v2"))
    }

    private func ask(
        _ organization: String,
        _ token: SecretSource,
        _ found: inout TerraformExamination
    ) async {
        let ssm = ssm
        let held = HeldSecret(token) { try await $0.read(ssm) }
        let api = TerraformAPI(
            http,
            address: settings.address,
            token: TokenSource(
                current: { try await held.value() },
                wasRefused: { await held.wasRefused($0) }
            )
        )
        let owner = OrganizationAPI(api, organization: organization)
        found.entitlements = await seen { try await owner.entitlements() }
        found.allowance = await seen { try await owner.agentAllowance() }
        if let pool = settings.poolID {
            found.poolName = await seen { try await owner.poolName(pool) }
        }
        if let workspace = settings.workspace {
            let place = await seen {
                try await WorkspacesAPI(api).workspace(
                    organization: organization,
                    name: workspace,
                    deadline: Self.deadline
                ).place
            }
            found.workspace = (workspace, place)
        }
        found.runTasks = await seen { try await owner.runTasks() }
        guard let url = settings.url,
            let task = found.runTasks.value?.first(where: { $0.calls(url) })
        else { return }
        guard let workspace = settings.workspace else {
            found.stages = .unseen("give --workspace to look at the stages of one")
            return
        }
        found.stages = await seen {
            try await owner.stages(of: task.id, inWorkspace: workspace)
        }
    }

    // MARK: The endpoint

    private func call() async -> EndpointExamination {
        var found = EndpointExamination()
        found.url = settings.url
        guard settings.url != nil || settings.seat == .function else { return found }
        let key = await key()
        found.key = key.map { _ in true }
        guard let url = settings.url else { return found }
        let body = Array(Self.verification.utf8)
        switch key {
        case .unseen(let why):
            found.signed = .unseen(why)
            found.version = .unseen(why)
        case .seen(let key):
            let answer = await post(url, body, key.sign(body))
            found.signed = answer.map(\.status)
            found.version = answer.map { $0.headers[EndpointVersion.header] }
        }
        found.unsigned = await post(url, body, nil).map(\.status)
        found.question = await post(url, Array(#"{"ask":"status"}"#.utf8), nil).map(\.status)
        return found
    }

    private func key() async -> Sighting<RunTaskKey> {
        guard let source = settings.key else {
            return .unseen("neither RUN_TASK_HMAC_KEY nor RUN_TASK_HMAC_KEY_PARAMETER is set")
        }
        return await seen { RunTaskKey(try await source.read(ssm)) }
    }

    private func post(
        _ url: String,
        _ body: [UInt8],
        _ signature: String?
    ) async -> Sighting<HTTPResponse> {
        var request = HTTPRequest(.post, url, deadline: Self.deadline)
        request.headers = [(name: "Content-Type", value: "application/json")]
        if let signature {
            request.headers.append((name: CallKind.runTask.header, value: signature))
        }
        request.body = body
        return await seen { try await http.send(request) }
    }

    /// What HCP Terraform sends when a run task is made: it announces nothing.
    private static let verification = """
        {"payload_version":1,"access_token":"test-token","task_result_id":"taskrs-xxxxxxxxxxxxxxxx",\
        "task_result_enforcement_level":"test","run_id":"run-xxxxxxxxxxxxxxxx",\
        "organization_name":"test-org","workspace_name":"test-workspace"}
        """
}
