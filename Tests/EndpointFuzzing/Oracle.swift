internal import Decisions

/// What must be true after any request, judged from outside: from how the request was made, the
/// ledger, the service and the calls that were made. It shares no code with what it judges.
package struct Oracle: Sendable {
    private let endpoint: FuzzedEndpoint

    package init(_ endpoint: FuzzedEndpoint) { self.endpoint = endpoint }

    /// What came of a request that was in order.
    package enum Verdict: Hashable, Sendable {
        case refused
        case acted
    }

    /// A promise that was broken.
    package struct Violation: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Throws: ``Violation``.
    @discardableResult
    package func judge(_ fuzzed: FuzzCase) async throws(Violation) -> Verdict {
        let outcome = await endpoint.ask(fuzzed.request)
        if outcome.after.jobs.count > 50 { await endpoint.forgetJobs() }
        let facts =
            "status \(outcome.status), \(outcome.called.count) callbacks, jobs "
            + "\(outcome.before.jobs.count) -> \(outcome.after.jobs.count), size "
            + "\(outcome.before.size) -> \(outcome.after.size)"
        func check(_ promise: String, _ holds: Bool) throws(Violation) {
            if !holds { throw Violation(description: "broken: \(promise); \(facts)") }
        }
        let hasActed = outcome.after != outcome.before || !outcome.called.isEmpty
        try check("a status is one of those documented", Self.statuses.contains(outcome.status))
        try check("nothing is ever lowered", outcome.after.size >= outcome.before.size)
        try check("the size is at most max_count", outcome.after.size <= FuzzedEndpoint.maxCount)
        try check("the service follows the ledger", outcome.desired == outcome.after.size)
        try check("one request makes one callback at the most", outcome.called.count <= 1)
        for url in outcome.called {
            try check("a callback goes to TFC_ADDRESS and nowhere else", Self.isOurs(url))
        }
        let gone = outcome.before.jobs.filter { outcome.after.jobs[$0.key] == nil }
        try check("no job that an agent holds is ended", gone.values.allSatisfy { $0.task == nil })
        if !fuzzed.isSigned {
            try check("nothing happens unsigned", !hasActed)
            let isTooLarge = fuzzed.isWellFormed && fuzzed.body.count > 1 << 20
            let status = fuzzed.method != "POST" ? 405 : isTooLarge ? 413 : 401
            try check("what is not signed is \(status)", outcome.status == status)
            return .refused
        }
        if fuzzed.address == .otherPool {
            let isUntouched = outcome.after == outcome.before
            try check("a call for a pool that is not here changes nothing", isUntouched)
        }
        let new = outcome.after.jobs.keys.filter { outcome.before.jobs[$0] == nil }
        if fuzzed.kind == .notification {
            let text = String(decoding: fuzzed.body, as: UTF8.self)
            try check("a notification calls nobody back", outcome.called.isEmpty)
            try check(
                "it announces one plan at the most, of a run that was created",
                new.isEmpty || (new.map(\.type) == ["plan"] && text.contains("run:created"))
            )
            try check(
                "it ends jobs of its own run, and announces nothing beside",
                gone.isEmpty || (new.isEmpty && gone.keys.allSatisfy { text.contains($0.id) })
            )
            try check("a signed object is 200", outcome.status == 200 || outcome.status == 400)
            return hasActed ? .acted : .refused
        }
        if outcome.status == 200, !outcome.called.isEmpty {
            try check(
                "a call announces one plan or one apply at the most",
                new.count <= 1 && new.allSatisfy { ["plan", "apply"].contains($0.type) }
            )
            return .acted
        }
        try check("without a callback nothing is announced", !hasActed)
        try check(
            "a call that can be answered is, but for a verification request",
            outcome.status != 200 || !Self.canBeAnswered(fuzzed.body)
        )
        return .refused
    }

    private static let statuses: Set<Int> = [200, 400, 401, 405, 413, 503]

    /// Whether the text of a body says so, in one of the forms that the generator makes.
    private static func canBeAnswered(_ body: [UInt8]) -> Bool {
        let text = String(decoding: body, as: UTF8.self)
        let token = text.ranges(of: #""access_token":"#)
        let url = text.ranges(of: #""task_result_callback_url":"#)
        return !text.contains("test") && token.count == 1 && url.count == 1
            && text[token[0].upperBound...].hasPrefix(#""a-token""#)
            && text[url[0].upperBound...].hasPrefix(
                #""\#(FuzzedEndpoint.origin)/api/v2/task-results/x/callback""#
            )
    }

    private static func isOurs(_ url: String) -> Bool {
        let lowered = url.lowercased()
        return ["", ":443"].contains { port in
            let origin = FuzzedEndpoint.origin + port
            return lowered == origin
                || ["/", "?", "#"].contains { lowered.hasPrefix(origin + $0) }
        }
    }
}
