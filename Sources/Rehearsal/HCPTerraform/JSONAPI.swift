import Model

/// JSON:API as HCP Terraform speaks it.
enum JSONAPI {
    static let type = "application/vnd.api+json"

    static func error(_ status: Int, _ title: String) -> WebResponse {
        WebResponse(
            status,
            ["errors": [["status": .string("\(status)"), "title": .string(title)]]],
            contentType: type
        )
    }

    static func throttled(resetSeconds: Double) -> WebResponse {
        let error: JSON = [
            "detail": "You have exceeded the API's rate limit.", "status": 429,
            "title": "Too many requests",
        ]
        var answer = WebResponse(429, ["errors": [error]], contentType: type)
        answer.headers = [
            "x-ratelimit-limit": "\(TokenBucket.terraformAPI.perSecond)",
            "x-ratelimit-remaining": "0", "x-ratelimit-reset": tenths(resetSeconds),
        ]
        return answer
    }

    /// A page of `all` with the documented pagination object.
    static func page(_ all: [JSON], query: [String: String], totals: Bool = true) -> WebResponse {
        let size = min(max(query["page[size]"].flatMap { Int($0) } ?? 20, 1), 100)
        let number = max(query["page[number]"].flatMap { Int($0) } ?? 1, 1)
        let pages = max((all.count + size - 1) / size, 1)
        var pagination: [String: JSON] = [
            "current-page": .int(number), "page-size": .int(size),
            "prev-page": number > 1 ? .int(number - 1) : nil,
            "next-page": number < pages ? .int(number + 1) : nil,
        ]
        if totals {
            pagination["total-pages"] = .int(pages)
            pagination["total-count"] = .int(all.count)
        }
        return WebResponse(
            200,
            [
                "data": .array(Array(all.dropFirst((number - 1) * size).prefix(size))),
                "meta": ["pagination": .object(pagination)],
            ],
            contentType: type
        )
    }

    /// A query string as names and values, percent-encoding undone.
    static func parameters(_ query: String) -> [String: String] {
        var result: [String: String] = [:]
        for part in query.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1).map { decoded(String($0)) }
            if let name = pair.first { result[name] = pair.count > 1 ? pair[1] : "" }
        }
        return result
    }

    private static func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
