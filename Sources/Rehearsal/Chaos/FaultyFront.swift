/// Stands before all stand-ins and lets the plan's faults happen to the calls.
struct FaultyFront: Sendable {
    /// Longer than any caller's patience with a call that is never answered.
    static let longestSilence: Duration = .seconds(20)

    let faults: CallFaults
    /// Performs a call.
    let perform: @Sendable (WebRequest) async -> WebResponse
    /// Waits; a test's fake may return at once.
    var pause: @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }

    func answer(_ request: WebRequest) async -> WebResponse {
        guard let call = APICall(request), let effect = faults.next(call) else {
            return await perform(request)
        }
        switch effect {
        case .dropped:
            return .connectionClosed
        case .answerLost:
            _ = await perform(request)
            return .connectionClosed
        case .neverAnswered:
            _ = await perform(request)
            await pause(Self.longestSilence)
            return .connectionClosed
        case .delayed(let time):
            await pause(.milliseconds(time))
            return await perform(request)
        case .doubled:
            _ = await perform(request)
            return await perform(request)
        case .throttled(let throttle):
            return Self.throttled(throttle, call, request)
        case .failed:
            return Self.failed(call)
        case .refused:
            // What ECS says of a task that it does not know yet.
            return WebResponse(200, ["failure": ["Reason": "TASK_NOT_VALID", "Detail": nil]])
        case .conflicted:
            return Self.refused(.conflict, request)
        case .redirected: return Self.redirect
        case .page: return Self.page
        case .cutShort: return Self.half(await perform(request))
        }
    }

    /// Nothing answers there; no caller may follow, with its credentials.
    private static let redirect: WebResponse = {
        var response = WebResponse(302, text: "")
        response.headers["location"] = "/elsewhere"
        return response
    }()

    private static let page: WebResponse = {
        var response = WebResponse(200, text: "<!doctype html><title>Sign in</title>")
        response.contentType = "text/html"
        return response
    }()

    private static func half(_ response: WebResponse) -> WebResponse {
        var response = response
        response.body.removeLast(response.body.count / 2)
        return response
    }

    /// A transaction is cancelled for its first action's sake.
    private static func refused(
        _ refusal: TableRefusal,
        _ request: WebRequest
    ) -> WebResponse {
        let actions = JSON(parsing: request.body)?["TransactItems"]?.array?.count ?? 0
        guard actions > 0 else { return refusal.answer }
        let others = [TableRefusal?](repeating: nil, count: actions - 1)
        return TableRefusal.cancelled([refusal] + others).answer
    }

    private static func throttled(
        _ throttle: Throttle,
        _ call: APICall,
        _ request: WebRequest
    ) -> WebResponse {
        switch throttle {
        case .exception where call == .protection:
            return WebResponse(
                400,
                ["error": ["Code": "ThrottlingException", "Message": "Rate exceeded"]]
            )
        case .exception: return AWSAnswer.error("ThrottlingException", "Rate exceeded")
        case .throughput: return refused(.throttled, request)
        case .plainText: return WebResponse(429, text: "You have reached maximum request limit.")
        case .rateLimit: return JSONAPI.throttled(resetSeconds: 1)
        }
    }

    private static func failed(_ call: APICall) -> WebResponse {
        switch call {
        case .describeServices, .updateService, .listTasks, .parameter, .query, .getItem, .putItem,
            .updateItem, .deleteItem, .transaction:
            AWSAnswer.error("InternalServerError", "the request has failed", status: 500)
        case .protection:
            WebResponse(500, ["error": ["Code": "ServerException", "Message": "Service error."]])
        case .callback, .terraformAPI: JSONAPI.error(500, "internal server error")
        case .credentials, .metadata, .runTask: WebResponse(500, text: "internal server error")
        }
    }
}
