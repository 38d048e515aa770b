import Crypto
import Model

/// What HCP Terraform sends to a notification configuration when a run comes into a status
/// ("Notification configurations", "Notification payload"). At most once and in no order, as far as
/// is documented; here some are lost, some come twice, and each takes its own time.
struct RunNotificationMessage: Sendable {
    /// One of so many is lost, and as many come twice.
    static let oneIn = 8
    /// How long one is on its way, at the most.
    static let longestDelay: Milliseconds = 1_000

    let body: [UInt8]

    /// - Returns: nil for a status that nobody is told of, and for plans alone, which send none.
    init?(_ run: RehearsedRun, organization: String, base: String, at time: String) {
        guard !run.isPlanOnly, let trigger = Self.trigger(run.life.status) else { return nil }
        let event: JSON = [
            "message": .string("Run \(run.life.status.rawValue)"), "trigger": .string(trigger),
            "run_status": .string(run.life.status.rawValue), "run_updated_at": .string(time),
            "run_updated_by": nil,
        ]
        self.init([
            "run_url": .string("\(base)/app/\(organization)/\(run.workspace)/runs/\(run.id)"),
            "run_id": .string(run.id), "run_message": "Rehearsed run",
            "run_created_at": .string(time), "run_created_by": "rehearsal",
            "workspace_id": .string("ws-\(run.workspace)"),
            "workspace_name": .string(run.workspace),
            "organization_name": .string(organization), "notifications": [event],
        ])
    }

    /// Sent when a configuration is created.
    static let verification = RunNotificationMessage([
        "run_url": nil, "run_id": nil, "run_message": nil, "run_created_at": nil,
        "run_created_by": nil, "workspace_id": nil, "workspace_name": nil,
        "organization_name": nil,
        "notifications": [
            [
                "message": "Verification of rehearsal", "trigger": "verification",
                "run_status": nil, "run_updated_at": nil, "run_updated_by": nil,
            ]
        ],
    ])

    private init(_ fields: [String: JSON]) {
        let common: [String: JSON] = [
            "payload_version": 1, "notification_configuration_id": "nc-1",
        ]
        body = Array(JSON.object(common.merging(fields) { $1 }).text.utf8)
    }

    /// The names before the newer, finer ones; none names a run that is discarded.
    private static func trigger(_ status: RunStatus) -> String? {
        switch status {
        case .pending: "run:created"
        case .planning: "run:planning"
        case .planned: "run:needs_attention"
        case .applying: "run:applying"
        case .applied, .plannedAndFinished: "run:completed"
        case .canceled, .errored: "run:errored"
        default: nil
        }
    }

    /// - Parameter token: of the configuration.
    func headers(token: String) -> [(name: String, value: String)] {
        let code = HMAC<SHA512>.authenticationCode(
            for: body,
            using: SymmetricKey(data: Array(token.utf8))
        )
        return [
            ("Content-Type", "application/json"), ("Accept", "application/json"),
            ("User-Agent", "TFE/1.0 (+https://app.terraform.io; TFE)"),
            ("X-TFE-Notification-Signature", hex(code)),
        ]
    }
}
