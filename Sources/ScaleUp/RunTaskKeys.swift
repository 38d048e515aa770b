package import HCPTerraform

/// The keys that are valid now. From an SSM parameter they are read again every few minutes, so
/// that a key is replaced without a restart; the one before stays valid for some minutes more,
/// since HCP Terraform and SSM are not changed in the same instant.
package actor RunTaskKeys {
    private let read: Reading
    private let now: @Sendable () -> ContinuousClock.Instant
    /// The newest first.
    private var held: [Held] = []
    private var readAt: ContinuousClock.Instant?
    private var triedAt: ContinuousClock.Instant?
    private var underWay: Task<Void, any Error>?

    package typealias Reading = @Sendable () async throws -> String

    private struct Held {
        let secret: String
        /// When a newer one was seen.
        var replacedAt: ContinuousClock.Instant?
    }

    /// A new key is accepted within this time, even if nobody has signed with it yet.
    package static let refresh: Duration = .seconds(240)
    /// How long a replaced key stays valid.
    package static let overlap: Duration = .seconds(300)
    /// Time between readings that a failed one or an unknown signature asks for: anybody can
    /// send those.
    package static let pause: Duration = .seconds(30)
    /// Keys held at once; each wrong signature is compared with all of them.
    static let capacity = 4

    /// - Parameter read: reads the key of this moment.
    package init(
        read: @escaping Reading,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.read = read
        self.now = now
    }

    /// The keys, unless they must be read first.
    package var currentUnread: [RunTaskKey]? {
        held.isEmpty || isReadingDue ? nil : valid
    }

    private var isReadingDue: Bool {
        !isWithin(Self.refresh, readAt) && !isWithin(Self.pause, triedAt)
    }

    /// - Throws: the failure of a reading while there is no key at all; later ones leave the
    ///   keys as they were.
    package func current() async throws -> [RunTaskKey] {
        if held.isEmpty {
            try await reading()
        } else if isReadingDue {
            try? await reading()
        }
        return valid
    }

    /// The keys after a signature that none of ``current()`` made: read early, so that a fresh
    /// key works at once, unless that was done lately.
    package func afterUnknownSignature() async -> [RunTaskKey] {
        if underWay != nil || !isWithin(Self.pause, triedAt) { try? await reading() }
        return valid
    }

    private var valid: [RunTaskKey] {
        held.filter { $0.replacedAt == nil || isWithin(Self.overlap, $0.replacedAt) }
            .map { RunTaskKey($0.secret) }
    }

    private func isWithin(_ time: Duration, _ earlier: ContinuousClock.Instant?) -> Bool {
        earlier.map { $0.duration(to: now()) <= time } ?? false
    }

    /// Concurrent callers share one reading.
    private func reading() async throws {
        if let underWay { return try await underWay.value }
        triedAt = now()
        let task = Task {
            defer { underWay = nil }
            accept(try await read())
        }
        underWay = task
        try await task.value
    }

    private func accept(_ secret: String) {
        readAt = now()
        if held.first?.secret == secret { return }
        if !held.isEmpty { held[0].replacedAt = now() }
        held = [Held(secret: secret)] + held.filter { $0.secret != secret }
        held = Array(held.prefix(Self.capacity))
    }
}
