import Decisions

/// The two calls of DynamoDB behind the ledger (DynamoDB API reference, BatchGetItem, PutItem).
struct LedgerTable: Sendable {
    private let aws: AWSClient
    private let name: String
    private let key: String
    private let pacing: Pacing

    /// Tries of a read that DynamoDB leaves unprocessed, which it does when it is throttled.
    static let maximumReads = 6

    init(_ aws: AWSClient, name: String, key: String, pacing: Pacing) {
        self.aws = aws
        self.name = name
        self.key = key
        self.pacing = pacing
    }

    private var limitsKey: String { key + "/limits" }
    /// What a schedule has set, in an item of its own: the limits item belongs to whoever declares
    /// it (the Terraform module), who would take a schedule's count in it for a fault to be mended.
    private var scheduledKey: String { key + "/limits/scheduled" }
    /// The limits of a service that is being taken down. Whoever declares limits may write them
    /// beforehand, and say so by removing the limits item: Terraform, which destroys, can delete
    /// what it has made and write nothing.
    private var endingKey: String { key + "/limits/ending" }

    /// The ledger and the limits, consistently; nil for one that is not there. A `desired_count`
    /// that a schedule has set stands for the one in the limits.
    func get() async throws(LedgerFailure) -> (ledger: Item?, limits: Item?) {
        var wanted = Set([key, limitsKey, scheduledKey, endingKey])
        var found: [String: Item] = [:]
        for attempt in 1...Self.maximumReads {
            let answer = try await read(wanted)
            for item in answer.responses?[name] ?? [] {
                guard case .string(let key) = item["pk"] else {
                    throw .refused(.malformed(attribute: "pk", expected: "text"))
                }
                found[key] = item
            }
            wanted = Set(
                (answer.unprocessed?[name]?.keys ?? []).compactMap {
                    guard case .string(let key) = $0["pk"] else { return nil }
                    return key
                }
            )
            if wanted.isEmpty {
                let scheduled = Self.limits(found[limitsKey], found[scheduledKey])
                let isEnding = found[limitsKey] == nil && found[endingKey] != nil
                return (found[key], isEnding ? found[endingKey] : scheduled)
            }
            guard await pacing.pause(afterTry: attempt) else { throw .unchanged(.cancelled) }
        }
        throw .unchanged(.unprocessed(attempts: Self.maximumReads))
    }

    private static func limits(_ declared: Item?, _ scheduled: Item?) -> Item? {
        guard let count = scheduled?["desired_count"] else { return declared }
        return (declared ?? [:]).merging(["desired_count": count]) { _, scheduled in scheduled }
    }

    /// - Parameter version: the one that must still be there; 0 for no item at all.
    func put(_ ledger: Ledger, mark: String, over version: Int) async throws(PutFailure) {
        let item = LedgerItem.encode(ledger, key: key, writer: mark)
        let bytes = LedgerItem.size(item)
        guard bytes <= LedgerItem.maximumBytes else { throw .tooLarge(bytes: bytes) }
        let input = PutInput(
            tableName: name,
            item: item,
            condition: version == 0 ? "attribute_not_exists(pk)" : "version = :expected",
            values: version == 0 ? nil : [":expected": .number(version)]
        )
        do {
            let _: Nothing = try await aws.call(.dynamodb, "PutItem", .write, input)
        } catch {
            if error.isLostRace { throw .lostRace }
            throw .service(error)
        }
    }

    enum PutFailure: Error {
        /// The condition did not hold: someone else has written, or this very write arrived
        /// before.
        case lostRace
        case tooLarge(bytes: Int)
        case service(AWSFailure)
    }

    private func read(_ keys: Set<String>) async throws(LedgerFailure) -> GetAnswer {
        let wanted = KeysAndConsistency(
            keys: keys.sorted().map { ["pk": .string($0)] },
            isConsistent: true
        )
        do {
            return try await aws.call(
                .dynamodb,
                "BatchGetItem",
                .read,
                GetInput(items: [name: wanted])
            )
        } catch {
            throw .unchanged(.service(error))
        }
    }

    private struct Nothing: Decodable {}

    private struct KeysAndConsistency: Codable {
        let keys: [Item]
        let isConsistent: Bool?

        enum CodingKeys: String, CodingKey {
            case keys = "Keys"
            case isConsistent = "ConsistentRead"
        }
    }

    private struct GetInput: Encodable {
        let items: [String: KeysAndConsistency]
        enum CodingKeys: String, CodingKey { case items = "RequestItems" }
    }

    private struct GetAnswer: Decodable {
        let responses: [String: [Item]]?
        let unprocessed: [String: KeysAndConsistency]?

        enum CodingKeys: String, CodingKey {
            case responses = "Responses"
            case unprocessed = "UnprocessedKeys"
        }
    }

    private struct PutInput: Encodable {
        let tableName: String
        let item: Item
        let condition: String
        let values: Item?

        enum CodingKeys: String, CodingKey {
            case tableName = "TableName"
            case item = "Item"
            case condition = "ConditionExpression"
            case values = "ExpressionAttributeValues"
        }
    }
}
