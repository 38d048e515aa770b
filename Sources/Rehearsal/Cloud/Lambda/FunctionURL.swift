import FoundationEssentials

/// What a Lambda function URL does to requests and answers (Lambda developer guide, "Invoking
/// Lambda function URLs").
enum FunctionURL {
    /// The event for a request, payload format 2.0.
    ///
    /// - Parameter base64: how the body is carried; one that is no text always in base64.
    static func event(
        for request: WebRequest,
        base64: Bool,
        requestID: String,
        epochMilliseconds: Int
    ) -> JSON {
        let text = String(decoding: request.body, as: UTF8.self)
        let isEncoded = base64 || Array(text.utf8) != request.body
        return [
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": .string(request.path),
            "rawQueryString": .string(request.query),
            "headers": .object(request.headers.mapValues(JSON.string)),
            "requestContext": [
                "accountId": "anonymous",
                "apiId": "rehearsal",
                "domainName": .optional(request.headers["host"]),
                "requestId": .string(requestID),
                "stage": "$default",
                "timeEpoch": .int(epochMilliseconds),
                "http": [
                    "method": .string(request.method),
                    "path": .string(request.path),
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": .optional(request.headers["user-agent"]),
                ],
            ],
            "body": .string(isEncoded ? Data(request.body).base64EncodedString() : text),
            "isBase64Encoded": .bool(isEncoded),
        ]
    }

    /// The HTTP response that an answer of the function becomes.
    static func response(for answer: [UInt8]) -> WebResponse {
        guard let json = JSON(parsing: answer) else { return failure }
        guard let status = json["statusCode"]?.int else { return WebResponse(200, json) }
        var response = WebResponse(status, text: json["body"]?.string ?? "")
        response.contentType = json["headers"]?["content-type"]?.string ?? "application/json"
        if json["isBase64Encoded"]?.bool == true {
            guard let bytes = Data(base64Encoded: json["body"]?.string ?? "") else {
                return failure
            }
            response.body = Array(bytes)
        }
        return response
    }

    /// What the caller sees of an invocation that failed.
    static let failure = WebResponse(502, ["Message": "Internal Server Error"])

    /// What EventBridge Scheduler sends on behalf of a schedule.
    static let scheduledEvent: JSON = [
        "version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "detail": [:],
    ]
}
