import Curl
import Decisions
import FoundationEssentials
import Synchronization
import Testing

@testable import AWS
@testable import Rehearsal

/// The rehearsal's DynamoDB as a table in memory; tests put faults in front of it.
final class FakeTable: Sendable {
    private struct State {
        var table = DynamoDBTable(name: "ledger")
        var now = 0

        /// Each call comes a second after the one before: no test here is about units.
        mutating func answer(_ operation: String, _ input: JSON) -> WebResponse {
            now += 1_000
            return table.answer(operation, input, at: now).0
        }
    }

    private let state = Mutex(State())
    private let partition = "agents/pool"

    /// An item of the service by its sort key, without its keys.
    subscript(sortKey: String) -> AWS.Item? {
        get {
            let item = state.withLock { $0.table.partition(partition)[sortKey] }
            return item.flatMap { item in
                let bytes = Data(JSON.object(item).text.utf8)
                return try? JSONDecoder().decode(AWS.Item.self, from: bytes)
                    .filter { !ItemKey.names.contains($0.key) }
            }
        }
        set {
            let key: AWS.Item = ["pk": .string(partition), "sk": .string(sortKey)]
            if let newValue {
                write("PutItem", ["Item": newValue.merging(key) { $1 }])
            } else {
                write("DeleteItem", ["Key": key])
            }
        }
    }

    private func write(_ operation: String, _ members: [String: AWS.Item]) {
        guard let bytes = try? JSONEncoder().encode(members),
            var input = JSON(parsing: bytes)?.object
        else {
            Issue.record("\(members) is no JSON")
            return
        }
        input["TableName"] = "ledger"
        let answer = state.withLock { $0.answer(operation, .object(input)) }
        #expect(answer.status == 200)
    }

    /// Units of all writes so far, also of those that came to nothing.
    var writeUnits: Double { state.withLock { $0.table.consumed.writes } }

    var sortKeys: [String] { state.withLock { $0.table.partition(partition).keys.sorted() } }

    /// What is counted, and the jobs; nil where nothing is counted.
    var ledger: Ledger? {
        get {
            guard var ledger = self["ledger"].flatMap({ try? LedgerItem.decode($0).ledger }) else {
                return nil
            }
            for key in sortKeys where LedgerKey.isJob(key) {
                guard let entry = self[key].flatMap({ try? JobItem.decode($0, key: key) }) else {
                    continue
                }
                ledger.jobs[entry.0] = entry.1
            }
            return ledger
        }
        set {
            self["ledger"] = newValue.map { LedgerItem.item($0, writer: "mark") }
            for key in sortKeys where LedgerKey.isJob(key) { self[key] = nil }
            for (job, entry) in newValue?.jobs ?? [:] {
                self[LedgerKey.job(job)] = JobItem.encode(entry)
            }
        }
    }

    func departed(_ task: Decisions.TaskID) -> Ledger.Departed? {
        let key = LedgerKey.task(task)
        return self[key].flatMap { try? DepartedItem.decode($0, key: key) }
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard let input = JSON(parsing: request.body ?? []), let operation = request.operation
        else {
            Issue.record("no call of DynamoDB: \(request.text)")
            return .json("", status: 400)
        }
        if operation == "Query" || operation == "GetItem" {
            #expect(input["ConsistentRead"] == true)
        }
        if operation == "BatchGetItem" {
            #expect(input["RequestItems"]?["ledger"]?["ConsistentRead"] == true)
        }
        let answer = state.withLock { $0.answer(operation, input) }
        let type = answer.json?["__type"]?.string ?? ""
        #expect(!type.hasSuffix("ValidationException"), "\(answer.json?.text ?? "")")
        return HTTPResponse(status: answer.status, body: answer.body)
    }

    static let conditionFailed = HTTPResponse.json(
        #"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","#
            + #""message":"The conditional request failed"}"#,
        status: 400
    )

    /// - Parameter reasons: of each action.
    static func cancelled(_ reasons: String...) -> HTTPResponse {
        let list = reasons.map { #"{"Code":"\#($0)"}"# }.joined(separator: ",")
        return .json(
            #"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","#
                + #""Message":"Transaction cancelled","CancellationReasons":[\#(list)]}"#,
            status: 400
        )
    }
}

extension LedgerItem {
    /// The whole item of what is counted, without its keys.
    static func item(_ ledger: Ledger, writer: String) -> AWS.Item {
        var item: AWS.Item = [:]
        for (name, value) in counted(ledger, writer: writer) { item[name] = value }
        if ledger.lastRaise > 0 { item["last_raise"] = .number(ledger.lastRaise) }
        if ledger.followed > 0 { item["followed"] = .number(ledger.followed) }
        item["projected"] = ledger.projectedAt.map { .number($0.milliseconds) }
        return item
    }
}

extension HTTPRequest {
    /// Of DynamoDB; nil for another service's call.
    var operation: String? {
        let target = self["x-amz-target"] ?? ""
        let prefix = "DynamoDB_20120810."
        return target.hasPrefix(prefix) ? String(target.dropFirst(prefix.count)) : nil
    }

    var isWrite: Bool {
        ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"].contains(operation)
    }
}
