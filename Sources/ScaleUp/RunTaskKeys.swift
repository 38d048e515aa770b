package import HCPTerraform
package import Ports

/// The keys of one kind of call that are valid now. From an SSM parameter they are read again every
/// few minutes, so that a key is replaced without a restart; the one before stays valid for some
/// minutes more, since HCP Terraform and SSM are not changed in the same instant.
///
/// Strangers can ask for readings, by signatures that nobody made. They get one every two seconds
/// at the most, whatever their number, and cannot use up anybody else's: all that wait for one
/// share it.
///
/// A Lambda function has such a bound for each of its instances, and strangers can have hundreds of
/// those. So there each reading that a request asked for, and that brought no new key, doubles the
/// pause before the next one, from two seconds to a minute (``ReadingPause``). What remains to
/// strangers: the first reading of each instance that they make Lambda start, five more within about
/// a minute, and then one a minute, of which 1,000 instances make 17 a second. Meanwhile a key of
/// the last minute may be refused there, and a key that could not be read may be missed so long.
package actor RunTaskKeys {
    private let place: String
    /// Nil for a key that never changes.
    private let read: Reading?
    private let retry: RetryClock
    private let complain: @Sendable (Complaint) -> Void
    private let mostWaiting: Int
    private var pause: ReadingPause
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
            "\(place) holds white space around the HMAC key; calls signed with it or without "
                + "it are accepted; write it again without"
        }
    }

    /// There is no key, and a request that many others wait for it.
    package struct Crowded: Error, Hashable, CustomStringConvertible {
        package var description: String {
            "as many requests as may wait for a reading of it do already"
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
    /// How long a function's request waits after an unknown signature, the reading included.
    static let functionPatience: Duration = .seconds(2)
    /// Of that, left for the reading.
    static let readingTime: Duration = .milliseconds(500)
    /// Requests that wait for a reading at once. The others are left to what is known, so that
    /// there are always connections for calls whose key is known.
    ///
    /// Of all keys that one process reads, together.
    package static let mostWaiting = 400
    /// Keys held at once; each wrong signature is compared with all of them.
    static let capacity = 4

    /// A key that never changes.
    package init(_ secret: String) {
        place = ""
        read = nil
        pause = ReadingPause(grows: false)
        patience = nil
        retry = RetryClock()
        complain = { _ in }
        mostWaiting = 0
        held = [Held(secret: secret, keys: [RunTaskKey(secret)])]
    }

    /// - Parameters:
    ///   - place: where the key stands, for a person who has to write it again.
    ///   - read: reads the key of this moment.
    ///   - isOneOfMany: whether there may be hundreds of processes like this one, each with a
    ///     request at a time, as of a Lambda function: they share what SSM answers, and are paid
    ///     by the time that requests wait.
    ///   - mostWaiting: requests that wait for a reading of this key at once.
    ///   - complain: is told once of each key that is not what it should be.
    package init(
        of place: String,
        read: @escaping Reading,
        isOneOfMany: Bool = false,
        mostWaiting: Int = RunTaskKeys.mostWaiting,
        retry: RetryClock = RetryClock(),
        complain: @escaping @Sendable (Complaint) -> Void = { _ in }
    ) {
        self.place = place
        self.read = read
        self.retry = retry
        self.complain = complain
        self.mostWaiting = mostWaiting
        pause = ReadingPause(grows: isOneOfMany)
        patience = isOneOfMany ? Self.functionPatience : nil
    }

    /// The keys, unless they must be read first.
    package var currentUnread: [RunTaskKey]? {
        held.isEmpty || isReadingDue ? nil : valid
    }

    private var isReadingDue: Bool {
        read != nil && !isWithin(Self.refresh, readAt)
            && !isWithin(max(Self.refreshPause, pause.time), triedAt)
    }

    /// - Throws: while there is no key at all, the failure of the last reading, or ``Crowded``;
    ///   later ones leave the keys as they were.
    package func current() async throws -> [RunTaskKey] {
        if held.isEmpty {
            if let failure, underWay == nil, isWithin(pause.time, triedAt) { throw failure }
            guard waiting < mostWaiting else { throw Crowded() }
            waiting += 1
            defer { waiting -= 1 }
            try await reading(isAskedFor: true)
        } else if isReadingDue, waiting < mostWaiting {
            waiting += 1
            defer { waiting -= 1 }
            try? await reading(isAskedFor: false)
        }
        return valid
    }

    /// The keys after a signature that none of ``current()`` made, from a reading that began after
    /// this call: the key may have reached the parameter a moment ago. To be waited for no longer
    /// than ``patience``.
    package func afterUnknownSignature() async -> [RunTaskKey] {
        guard read != nil, waiting < mostWaiting else { return valid }
        if let patience, untilNext > patience - Self.readingTime { return valid }
        if next == nil {
            next = Task {
                await pauseBeforeNext()
                next = nil
                try? await reading(isAskedFor: true)
            }
        }
        waiting += 1
        await next?.value
        waiting -= 1
        return valid
    }

    /// How long a request may wait for ``afterUnknownSignature()``; nil where its own time is the
    /// only bound.
    package nonisolated let patience: Duration?

    /// Requests that wait for a reading, whatever the cause.
    private(set) var waiting = 0

    private func pauseBeforeNext() async {
        while true {
            if let underWay {
                _ = try? await underWay.value
            } else {
                let left = untilNext
                guard left > .zero, (try? await retry.sleep(left)) != nil else { return }
            }
        }
    }

    private var untilNext: Duration {
        triedAt.map { max(.zero, pause.time - $0.duration(to: retry.now())) } ?? .zero
    }

    private var valid: [RunTaskKey] {
        held.filter { $0.replacedAt == nil || isWithin(Self.overlap, $0.replacedAt) }
            .flatMap(\.keys)
    }

    private func isWithin(_ time: Duration, _ earlier: ContinuousClock.Instant?) -> Bool {
        earlier.map { $0.duration(to: retry.now()) <= time } ?? false
    }

    /// Concurrent callers share one reading.
    ///
    /// - Parameter isAskedFor: by a request that strangers can make; else it was due.
    private func reading(isAskedFor: Bool) async throws {
        if let underWay { return try await underWay.value }
        guard let read else { return }
        triedAt = retry.now()
        let task = Task {
            defer { underWay = nil }
            do {
                let isNew = try accept(try await read())
                failure = nil
                if isNew {
                    pause.reset()
                } else if isAskedFor {
                    pause.grow(retry.random())
                }
            } catch {
                failure = error
                if isAskedFor { pause.grow(retry.random()) }
                throw error
            }
        }
        underWay = task
        try await task.value
    }

    /// - Returns: whether the secret is another one than before.
    private func accept(_ secret: String) throws -> Bool {
        let bare = secret.bare
        guard !bare.isEmpty else { throw EmptyKey(place: place) }
        readAt = retry.now()
        if held.first?.secret == secret { return false }
        if !held.isEmpty { held[0].replacedAt = retry.now() }
        let forms = bare == secret ? [secret] : [secret, bare]
        if forms.count > 1 { complain(Complaint(place: place)) }
        held =
            [Held(secret: secret, keys: forms.map(RunTaskKey.init))]
            + held.filter { $0.secret != secret }
        held = Array(held.prefix(Self.capacity))
        return true
    }
}

/// The time between readings that an unknown signature asks for, or a request while there is no
/// key at all. SSM answers 40 a second to a whole account (Systems Manager quotas, standard
/// throughput), from which ECS also takes the secrets of starting tasks. A pure value.
struct ReadingPause: Sendable {
    static let shortest: Duration = .seconds(2)
    static let longest: Duration = .seconds(60)

    private let grows: Bool
    private var level = Self.shortest
    private(set) var time = Self.shortest

    /// - Parameter grows: whether it doubles; else it stays the shortest.
    init(grows: Bool) { self.grows = grows }

    /// After a reading that brought nothing new. Up to a quarter shorter or longer than the doubled
    /// time, so that instances that began together do not read together for ever.
    ///
    /// - Parameter random: in 0..<1.
    mutating func grow(_ random: Double) {
        guard grows else { return }
        level = min(level * 2, Self.longest)
        time = level * (0.75 + random / 2)
    }

    /// After a new key.
    mutating func reset() { self = ReadingPause(grows: grows) }
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
