package import AWS
package import HCPTerraform

/// The keys that are valid now. From an SSM parameter they are read again every few minutes, so
/// that a key is replaced without a restart; the one before stays valid for some minutes more,
/// since HCP Terraform and SSM are not changed in the same instant.
///
/// Strangers can ask for readings, by signatures that nobody made. They get one every two seconds
/// at the most, whatever their number, and cannot use up anybody else's: all that wait for one
/// share it.
package actor RunTaskKeys {
    private let place: String
    /// Nil for a key that never changes.
    private let read: Reading?
    private let pacing: Pacing
    private let complain: @Sendable (Complaint) -> Void
    /// Nil where requests may wait without measure.
    private var waiting: WaitingTime?
    /// The newest first.
    private var held: [Held] = []
    private var readAt: ContinuousClock.Instant?
    private var triedAt: ContinuousClock.Instant?
    /// Of the last reading, if it failed.
    private var failure: (any Error)?
    private var underWay: Task<Void, any Error>?
    /// A reading that has not begun.
    private var next: Task<Void, Never>?

    package typealias Reading = @Sendable () async throws -> String

    private struct Held {
        let secret: String
        let keys: [RunTaskKey]
        /// When a newer one was seen.
        var replacedAt: ContinuousClock.Instant?
    }

    /// What is wrong with a key that is used all the same: there is white space around it. HCP
    /// Terraform signs with the bytes that it was given, and nobody can tell from here whether
    /// the white space is among them, so calls are accepted either way.
    package struct Complaint: Hashable, Sendable, CustomStringConvertible {
        let place: String

        package var description: String {
            "\(place) holds white space around the run task key; calls signed with it or without "
                + "it are accepted; write it again without"
        }
    }

    /// A key of white space alone: everybody could sign with what is left of it.
    package struct EmptyKey: Error, Hashable, CustomStringConvertible {
        let place: String

        package var description: String { "\(place) is empty or nothing but white space" }
    }

    /// A new key is accepted within this time, even if nobody has signed with it yet.
    package static let refresh: Duration = .seconds(240)
    /// How long a replaced key stays valid.
    package static let overlap: Duration = .seconds(300)
    /// Until a refresh that failed is repeated: each makes a request wait.
    package static let refreshPause: Duration = .seconds(30)
    /// Time between readings that an unknown signature asks for, or a request while there is no
    /// key at all. SSM answers 40 a second to a whole account (Systems Manager quotas, standard
    /// throughput), from which ECS also takes the secrets of starting tasks.
    package static let pause: Duration = .seconds(2)
    /// Requests that wait for a reading at once. The others are left to what is known, so that
    /// there are always connections for calls whose key is known.
    static let mostWaiting = 400
    /// Keys held at once; each wrong signature is compared with all of them.
    static let capacity = 4

    /// A key that never changes.
    package init(_ secret: String) {
        place = ""
        read = nil
        pacing = Pacing()
        complain = { _ in }
        held = [Held(secret: secret, keys: [RunTaskKey(secret)])]
    }

    /// - Parameters:
    ///   - place: where the key stands, for a person who has to write it again.
    ///   - read: reads the key of this moment.
    ///   - waitsAlways: whether any number of requests may wait for a reading at any time. In a
    ///     server that costs a connection each. A Lambda function is paid and counted by the time
    ///     that its instances take, so strangers must not make it wait for them all day.
    ///   - complain: is told once of each key that is not what it should be.
    package init(
        of place: String,
        read: @escaping Reading,
        waitsAlways: Bool = true,
        pacing: Pacing = Pacing(),
        complain: @escaping @Sendable (Complaint) -> Void = { _ in }
    ) {
        self.place = place
        self.read = read
        self.pacing = pacing
        self.complain = complain
        waiting = waitsAlways ? nil : WaitingTime(at: pacing.now())
    }

    /// The keys, unless they must be read first.
    package var currentUnread: [RunTaskKey]? {
        held.isEmpty || isReadingDue ? nil : valid
    }

    private var isReadingDue: Bool {
        read != nil && !isWithin(Self.refresh, readAt) && !isWithin(Self.refreshPause, triedAt)
    }

    /// - Throws: the failure of the last reading while there is no key at all; later ones leave
    ///   the keys as they were.
    package func current() async throws -> [RunTaskKey] {
        if held.isEmpty {
            if let failure, underWay == nil, isWithin(Self.pause, triedAt) { throw failure }
            try await reading()
        } else if isReadingDue {
            try? await reading()
        }
        return valid
    }

    /// The keys after a signature that none of ``current()`` made, from a reading that began after
    /// this call: the key may have reached the parameter a moment ago.
    package func afterUnknownSignature() async -> [RunTaskKey] {
        guard read != nil, waitingForNext < Self.mostWaiting else { return valid }
        if next == nil {
            let left = untilNext
            guard left == .zero || waiting?.take(left, at: pacing.now()) ?? true else {
                return valid
            }
            next = Task {
                await pauseBeforeNext()
                next = nil
                try? await reading()
            }
        }
        waitingForNext += 1
        await next?.value
        waitingForNext -= 1
        return valid
    }

    /// Requests that wait for a reading after an unknown signature.
    private(set) var waitingForNext = 0

    private func pauseBeforeNext() async {
        while true {
            if let underWay {
                _ = try? await underWay.value
            } else {
                let left = untilNext
                guard left > .zero, (try? await pacing.sleep(left)) != nil else { return }
            }
        }
    }

    private var untilNext: Duration {
        triedAt.map { max(.zero, Self.pause - $0.duration(to: pacing.now())) } ?? .zero
    }

    private var valid: [RunTaskKey] {
        held.filter { $0.replacedAt == nil || isWithin(Self.overlap, $0.replacedAt) }
            .flatMap(\.keys)
    }

    private func isWithin(_ time: Duration, _ earlier: ContinuousClock.Instant?) -> Bool {
        earlier.map { $0.duration(to: pacing.now()) <= time } ?? false
    }

    /// Concurrent callers share one reading.
    private func reading() async throws {
        if let underWay { return try await underWay.value }
        guard let read else { return }
        triedAt = pacing.now()
        let task = Task {
            defer { underWay = nil }
            do {
                try accept(try await read())
                failure = nil
            } catch {
                failure = error
                throw error
            }
        }
        underWay = task
        try await task.value
    }

    private func accept(_ secret: String) throws {
        let bare = secret.bare
        guard !bare.isEmpty else { throw EmptyKey(place: place) }
        readAt = pacing.now()
        if held.first?.secret == secret { return }
        if !held.isEmpty { held[0].replacedAt = pacing.now() }
        let forms = bare == secret ? [secret] : [secret, bare]
        if forms.count > 1 { complain(Complaint(place: place)) }
        held =
            [Held(secret: secret, keys: forms.map(RunTaskKey.init))]
            + held.filter { $0.secret != secret }
        held = Array(held.prefix(Self.capacity))
    }
}

/// How long requests may wait for readings of the key, in all: some seconds at once, and a fifth of
/// the time in the long run. A pure value.
struct WaitingTime: Sendable {
    private var left = Self.most
    private var at: ContinuousClock.Instant

    static let most: Duration = .seconds(10)
    private static let share = 5

    init(at now: ContinuousClock.Instant) { at = now }

    /// - Returns: false when there is not so much.
    mutating func take(_ time: Duration, at now: ContinuousClock.Instant) -> Bool {
        left = min(Self.most, left + at.duration(to: now) / Self.share)
        at = now
        guard time <= left else { return false }
        left -= time
        return true
    }
}

extension String {
    /// Without the white space around it: an editor's newline, a copied blank.
    fileprivate var bare: String {
        let start = utf8.drop(while: Self.isWhite)
        guard let last = start.lastIndex(where: { !Self.isWhite($0) }) else { return "" }
        return String(decoding: start[...last], as: UTF8.self)
    }

    private static func isWhite(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == 0x7f }
}
