package import AWS
package import HCPTerraform

/// The keys that are valid now. From an SSM parameter they are read again every few minutes, so
/// that a key is replaced without a restart; the one before stays valid until the next reading,
/// since HCP Terraform and SSM are not changed in the same instant.
package actor RunTaskKeys {
    private let source: Source
    private var secrets: [String] = []
    private var readAt: ContinuousClock.Instant?
    private let clock = ContinuousClock()

    private enum Source {
        case given(RunTaskKey)
        case parameter(String, SSMClient)
    }

    /// A new key is accepted within this time.
    package static let refresh: Duration = .seconds(240)

    package init(_ key: EndpointSettings.Key, ssm: SSMClient) {
        switch key {
        case .given(let key): source = .given(key)
        case .parameter(let name): source = .parameter(name, ssm)
        }
    }

    /// - Throws: the failure of the first reading; later ones leave the keys as they were.
    package func current() async throws -> [RunTaskKey] {
        switch source {
        case .given(let key):
            return [key]
        case .parameter(let name, let ssm):
            let isFresh = readAt.map { $0.duration(to: clock.now) < Self.refresh } ?? false
            if !isFresh { try await read(name, ssm) }
            return secrets.map(RunTaskKey.init)
        }
    }

    private func read(_ name: String, _ ssm: SSMClient) async throws {
        do {
            let secret = try await ssm.getParameter(name)
            secrets = [secret] + secrets.filter { $0 != secret }.prefix(1)
            readAt = clock.now
        } catch {
            if secrets.isEmpty { throw error }
        }
    }
}
