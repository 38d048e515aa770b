/// HCP Terraform's limit of 30 requests a second for each user (HCP Terraform API, "Rate
/// limiting"), counted by the second.
struct RateLimit: Sendable {
    static let perSecond = 30

    private var second = -1
    private var count = 0

    /// Counts a request; the answer is its refusal when it is one too many.
    mutating func take(at now: Milliseconds) -> WebResponse? {
        if now / 1000 != second {
            second = now / 1000
            count = 0
        }
        count += 1
        guard count > Self.perSecond else { return nil }
        return Self.refusal(resetSeconds: Double(1000 - now % 1000) / 1000)
    }

    static func refusal(resetSeconds: Double) -> WebResponse {
        let error: JSON = [
            "detail": "You have exceeded the API's rate limit.", "status": 429,
            "title": "Too many requests",
        ]
        var answer = WebResponse(429, ["errors": [error]], contentType: JSONAPI.type)
        answer.headers = [
            "x-ratelimit-limit": "\(perSecond)", "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": tenths(resetSeconds),
        ]
        return answer
    }
}
