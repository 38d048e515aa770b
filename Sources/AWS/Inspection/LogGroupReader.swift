package import Decisions

/// Reads log groups of CloudWatch (Amazon CloudWatch Logs API reference, FilterLogEvents).
package struct LogGroupReader: Sendable {
    /// A line as it was written.
    package struct Event: Sendable, Hashable {
        /// The stream; of a container `NAME/CONTAINER/TASK`.
        package let stream: String
        package let at: WallTime
        package let text: String

        package init(stream: String, at: WallTime, text: String) {
            self.stream = stream
            self.at = at
            self.text = text
        }
    }

    private let aws: AWSClient

    package init(_ aws: AWSClient) { self.aws = aws }

    /// Each of a megabyte or ten thousand events at the most; an answer that goes on beyond has no end.
    static let maximumPages = 10_000

    /// Reads page after page. One of them may be empty, and others follow all the same.
    ///
    /// - Parameters:
    ///   - group: its name.
    ///   - take: gets each event, within a stream in the order of their times.
    package func read(
        _ group: String,
        from start: WallTime,
        to end: WallTime,
        _ take: (Event) -> Void
    ) async throws(AWSFailure) {
        struct Input: Encodable {
            let logGroupName: String
            let startTime: Int
            let endTime: Int
            let nextToken: String?
        }
        struct Answer: Decodable {
            let events: [Line]?
            let nextToken: String?
            struct Line: Decodable {
                let logStreamName: String?
                let timestamp: Int?
                let message: String?
            }
        }
        var token: String?
        for _ in 0..<Self.maximumPages {
            let input = Input(
                logGroupName: group,
                startTime: start.milliseconds,
                endTime: end.milliseconds,
                nextToken: token
            )
            let answer: Answer = try await aws.call(.logs, "FilterLogEvents", .harmless, input)
            for line in answer.events ?? [] {
                guard let text = line.message else { continue }
                let at = WallTime(milliseconds: line.timestamp ?? 0)
                take(Event(stream: line.logStreamName ?? "", at: at, text: text))
            }
            guard let next = answer.nextToken, !next.isEmpty else { return }
            token = next
        }
        let cause = AWSFailure.Cause.malformedAnswer("more than \(Self.maximumPages) pages")
        throw AWSFailure(call: "logs FilterLogEvents", cause: cause, attempts: 1)
    }
}
