/// Error answers of AWS's JSON protocols: HTTP 400 or 403 and a body with `__type`.
enum AWSAnswer {
    static let contentType = "application/x-amz-json-1.1"

    static func ok(_ body: JSON) -> WebResponse {
        WebResponse(200, body, contentType: contentType)
    }

    /// An error by its name in the API reference.
    static func error(
        _ type: String,
        _ message: String,
        status: Int = 400
    ) -> WebResponse {
        WebResponse(
            status,
            ["__type": .string(type), "message": .string(message)],
            contentType: contentType
        )
    }
}
