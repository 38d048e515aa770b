import AWS
import Curl
import Daemon
import Decisions
import Operators
import ProductVersion
import ScaleUp

/// Looks at the endpoint's pools for whoever asks, with the endpoint's own rights.
struct Lookout: Sendable {
    private let settings: EndpointSettings
    private let http: CurlClient

    init(_ settings: EndpointSettings, over http: CurlClient) {
        self.settings = settings
        self.http = http
    }

    /// - Parameter name: nil for the first pool.
    /// - Returns: nil where no pool has the name.
    func report(
        _ subject: Question.Subject,
        of name: String?,
        at now: WallTime
    ) async -> (any Report)? {
        guard let pool = settings.pools.first(where: { name == nil || $0.name == name }) else {
            return nil
        }
        switch subject {
        case .status:
            let aws = AWSClient(
                settings.aws,
                credentials: CredentialsProvider(settings.credentials, http: http),
                http: http
            )
            return await PoolReader(
                aws,
                pool.place,
                table: pool.ledgerTable,
                limits: pool.limits
            ).look(at: now)
        case .doctor:
            let examiner = Examiner(
                DoctorSettings(
                    seat: .function,
                    address: settings.address,
                    token: settings.token,
                    organization: pool.agentPool?.organization,
                    poolName: pool.agentPool?.name,
                    poolID: pool.entry.agentPoolID,
                    key: settings.key
                ),
                pool.place,
                ledger: (pool.ledgerTable, pool.limits),
                settings.aws,
                settings.credentials,
                version: ProductVersion.current,
                over: http
            )
            return Checkup(await examiner.examine(at: now))
        }
    }
}
