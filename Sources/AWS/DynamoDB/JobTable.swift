package import Decisions

/// Jobs for stand-in agents where there is no HCP Terraform to ask: one item for each, in a table of
/// their own with the string keys `pk` and `sk`. `rehearsal prove` offers jobs, each agent takes one
/// that nobody has (DynamoDB API reference, Query, PutItem, UpdateItem).
package struct JobTable: Sendable {
    /// A job, and how far it is.
    package struct Entry: Sendable, Hashable {
        package enum State: String, Sendable {
            case offered
            case taken
            case finished
        }

        package let job: Job
        /// Lower numbers are taken first.
        package let number: Int
        package let milliseconds: Int
        package let state: State
        /// The name of the agent that has it, or had.
        package let agent: String?
    }

    private static let partition = "jobs"
    private let aws: AWSClient
    private let name: String

    package init(_ aws: AWSClient, name: String) {
        self.aws = aws
        self.name = name
    }

    /// - Parameter milliseconds: so long the job works.
    package func offer(
        _ job: Job,
        number: Int,
        milliseconds: Int
    ) async throws(AWSFailure) {
        struct Input: Encodable {
            let TableName: String
            let Item: Item
        }
        let item: Item = [
            "pk": .string(Self.partition), "sk": .string(job.key), "number": .number(number),
            "milliseconds": .number(milliseconds), "state": .string(Entry.State.offered.rawValue),
        ]
        let _: Nothing = try await aws.call(
            .dynamodb,
            "PutItem",
            .harmless,
            Input(TableName: name, Item: item)
        )
    }

    /// All jobs, in the order of their numbers; what is no job is left out.
    package func entries() async throws(AWSFailure) -> [Entry] {
        try await ItemReader(aws, table: name).items(Self.partition).compactMap(Self.entry)
            .sorted { $0.number < $1.number }
    }

    /// Takes the first job that nobody has.
    ///
    /// - Returns: nil where none waits.
    package func take(by agent: String) async throws(AWSFailure) -> Entry? {
        for entry in try await entries() where entry.state == .offered {
            if try await move(entry.job, from: .offered, to: .taken, by: agent) { return entry }
        }
        return nil
    }

    /// - Returns: false where this agent does not have the job.
    package func finish(_ job: Job, by agent: String) async throws(AWSFailure) -> Bool {
        try await move(job, from: .taken, to: .finished, by: agent)
    }

    /// Twice is as once: whoever has it already may say so again.
    private func move(
        _ job: Job,
        from old: Entry.State,
        to new: Entry.State,
        by agent: String
    ) async throws(AWSFailure) -> Bool {
        struct Input: Encodable {
            let TableName: String
            let Key: Item
            let ConditionExpression: String
            let UpdateExpression = "SET #state = :new, takenBy = :agent"
            let ExpressionAttributeNames = ["#state": "state"]
            let ExpressionAttributeValues: Item
        }
        var values: Item = [":new": .string(new.rawValue), ":agent": .string(agent)]
        var condition = "#state = :new AND takenBy = :agent OR #state = :old"
        if old == .taken {
            condition = "takenBy = :agent"
        } else {
            values[":old"] = .string(old.rawValue)
        }
        let input = Input(
            TableName: name,
            Key: ["pk": .string(Self.partition), "sk": .string(job.key)],
            ConditionExpression: condition,
            ExpressionAttributeValues: values
        )
        do {
            let _: Nothing = try await aws.call(.dynamodb, "UpdateItem", .harmless, input)
            return true
        } catch {
            guard error.isLostRace else { throw error }
            return false
        }
    }

    private struct Nothing: Decodable {}

    private static func entry(_ item: Item) -> Entry? {
        let fields = Fields(item)
        guard let job = (try? fields.text("sk")).flatMap({ Job(key: $0) }),
            let number = try? fields.count("number"),
            let milliseconds = try? fields.count("milliseconds"),
            let state = (try? fields.text("state")).flatMap({ Entry.State(rawValue: $0) })
        else { return nil }
        return Entry(
            job: job,
            number: number,
            milliseconds: milliseconds,
            state: state,
            agent: try? fields.text("takenBy")
        )
    }
}
