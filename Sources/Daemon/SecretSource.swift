package import AWS

/// Where a secret comes from: a setting itself, or the SSM parameter that another one names.
package enum SecretSource: Hashable, Sendable, CustomStringConvertible {
    case given(String)
    /// The parameter's name or ARN.
    case parameter(String)

    /// Without the secret.
    package var description: String {
        switch self {
        case .given: "(secret)"
        case .parameter(let name): "the SSM parameter \(name)"
        }
    }
}

extension SettingsReader {
    /// A secret in the setting of that name, or in the SSM parameter that `<name>_PARAMETER`
    /// names. The secret itself wins.
    package mutating func optionalSecretSource(
        _ name: String,
        expected: String
    ) -> SecretSource? {
        if value(name) != nil { return .given(requiredSecret(name, expected: expected)) }
        return value(name + "_PARAMETER").map { .parameter($0) }
    }

    /// As ``optionalSecretSource(_:expected:)``; that neither is set is a fault.
    package mutating func requiredSecretSource(_ name: String, expected: String) -> SecretSource {
        if let source = optionalSecretSource(name, expected: expected) { return source }
        let orParameter =
            "\(expected), or \(name)_PARAMETER with the name of the SSM parameter that holds it"
        return .given(requiredSecret(name, expected: orParameter))
    }
}

/// Why a secret cannot be read. Its value is never part of this.
package enum SecretFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(parameter: String, cause: AWSFailure)
    /// No token and no key has white space or control characters in it: such a value was not
    /// written as it was meant, and used as it is it would be refused for ever.
    case malformed(parameter: String)

    package var description: String {
        switch self {
        case .unreadable(let parameter, let cause):
            "the SSM parameter \(parameter) cannot be read: \(cause)"
        case .malformed(let parameter):
            "the SSM parameter \(parameter) is empty or has white space in or around the secret; "
                + "write it again without"
        }
    }
}

extension SecretSource {
    /// Reads the secret of this moment; one that is given costs nothing.
    package func read(_ ssm: SSMClient) async throws(SecretFailure) -> String {
        switch self {
        case .given(let secret): return secret
        case .parameter(let name):
            let secret: String
            do {
                secret = try await ssm.getParameter(name)
            } catch {
                throw .unreadable(parameter: name, cause: error)
            }
            guard !secret.isEmpty, !secret.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
                throw .malformed(parameter: name)
            }
            return secret
        }
    }
}

/// A secret that is read when it is first needed, kept, and read again once somebody refused it.
package actor HeldSecret {
    private let source: SecretSource
    private let read: Reading
    private let now: @Sendable () -> ContinuousClock.Instant
    private var last: Result<String, any Error>?
    private var isRefused = false
    private var triedAt: ContinuousClock.Instant?
    private var underWay: Task<Void, Never>?

    package typealias Reading = @Sendable (SecretSource) async throws -> String

    /// Between two readings, whether the last one failed or what it read was refused: those who
    /// ask do so again and again.
    package static let pause: Duration = .seconds(30)

    /// - Parameter read: reads the secret of this moment.
    package init(
        _ source: SecretSource,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        read: @escaping Reading
    ) {
        self.source = source
        self.now = now
        self.read = read
    }

    /// The secret as it was read last. One that was refused is given out until there is another:
    /// whoever refused it may have been wrong.
    ///
    /// - Throws: the failure of the last reading while there has been no other.
    package func value() async throws -> String {
        if isReadingDue { await reading() }
        guard let last else { preconditionFailure("a reading leaves a secret or a failure") }
        return try last.get()
    }

    /// Says that a value of ``value()`` was refused. Of one that was replaced since, it is no news.
    package func wasRefused(_ secret: String) {
        if case .success(secret) = last { isRefused = true }
    }

    private var isReadingDue: Bool {
        if case .success = last, !isRefused { return false }
        return underWay != nil || triedAt.map { $0.duration(to: now()) >= Self.pause } ?? true
    }

    /// Callers at the same time share one reading.
    private func reading() async {
        if let underWay { return await underWay.value }
        triedAt = now()
        let task = Task {
            let result: Result<String, any Error>
            do {
                result = .success(try await read(source))
            } catch {
                result = .failure(error)
            }
            accept(result)
        }
        underWay = task
        await task.value
    }

    private func accept(_ result: Result<String, any Error>) {
        underWay = nil
        if case .failure = result, case .success = last { return }
        last = result
        isRefused = false
    }
}
