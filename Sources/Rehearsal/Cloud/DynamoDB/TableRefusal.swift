/// A request that DynamoDB refuses.
struct TableRefusal: Error {
    private static let space = "com.amazonaws.dynamodb.v20120810#"

    let type: String
    let message: String
    var item: TableItem?
    /// Of a cancelled transaction, one for each of its actions.
    var reasons: [JSON]?

    init(_ type: String, _ message: String) {
        self.type = type
        self.message = message
    }

    static let throttled = TableRefusal(
        "ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded."
    )

    /// - Parameter item: what is there, where the caller wants to know.
    static func conditionFailed(_ item: TableItem?) -> TableRefusal {
        var refusal = TableRefusal(
            "ConditionalCheckFailedException",
            "The conditional request failed"
        )
        refusal.item = item
        return refusal
    }

    /// A transaction, or for a transaction any other write of the item, is under way.
    static let conflict = TableRefusal(
        "TransactionConflictException",
        "Transaction is ongoing for the item"
    )

    /// - Parameter refusals: for each action, nil where nothing is wrong with it.
    static func cancelled(_ refusals: [TableRefusal?]) -> TableRefusal {
        let codes = refusals.map { $0?.reason ?? "None" }
        var refusal = TableRefusal(
            "TransactionCanceledException",
            "Transaction cancelled, please refer cancellation reasons for specific reasons "
                + "[\(codes.joined(separator: ", "))]"
        )
        refusal.reasons = zip(codes, refusals).map { code, refusal in
            var reason: [String: JSON] = ["Code": .string(code)]
            if let refusal { reason["Message"] = .string(refusal.message) }
            if let item = refusal?.item { reason["Item"] = .object(item) }
            return .object(reason)
        }
        return refusal
    }

    /// As it is called among the reasons of a cancelled transaction.
    private var reason: String {
        type.hasSuffix("Exception") ? String(type.dropLast("Exception".count)) : type
    }

    /// A cancelled transaction writes its message with a capital letter.
    var answer: WebResponse {
        var body: [String: JSON] = [
            "__type": .string(Self.space + type),
            reasons == nil ? "message" : "Message": .string(message),
        ]
        if let reasons { body["CancellationReasons"] = .array(reasons) }
        if let item { body["Item"] = .object(item) }
        return WebResponse(400, .object(body), contentType: "application/x-amz-json-1.0")
    }
}
