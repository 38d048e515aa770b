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
        if !fuzzed.isSigned {
            try check("nothing happens unsigned", !hasActed)
            let isTooLarge = fuzzed.isWellFormed && fuzzed.body.count > 1 << 20
            let status = fuzzed.method != "POST" ? 405 : isTooLarge ? 413 : 401
            try check("what is not signed is \(status)", outcome.status == status)
            return .refused
        }
        if outcome.status == 200, !outcome.called.isEmpty {
            let new = outcome.after.jobs.keys.filter { outcome.before.jobs[$0] == nil }
            try check(
                "a call announces one plan or one apply at the most",
                new.count <= 1 && new.allSatisfy { ["plan", "apply"].contains($0.type) }
            )
            return .acted
        }
        try check("without a callback nothing is announced", !hasActed)
        if outcome.status == 200 {
            let body = String(decoding: fuzzed.body, as: UTF8.self)
            try check(
                "200 without a callback is a verification request's",
                body.contains("test")
            )
        }
        return .refused
    }

    private static let statuses: Set<Int> = [200, 400, 401, 405, 413, 503]

    private static func isOurs(_ url: String) -> Bool {
        let lowered = url.lowercased()
        return ["", ":443"].contains { port in
            let origin = FuzzedEndpoint.origin + port
            return lowered == origin
                || ["/", "?", "#"].contains { lowered.hasPrefix(origin + $0) }
        }
    }
}
