import Synchronization

/// Passes each request to the stand-in that it belongs to: by its path, and where there are several
/// pools by whom it names.
final class Router: Sendable {
    private let clouds = Mutex<[Cloud]>([])

    init() {}

    func set(_ clouds: [Cloud]) { self.clouds.withLock { $0 = clouds } }

    var answer: @Sendable (WebRequest) async -> WebResponse {
        { [self] request in
            let clouds = clouds.withLock { $0 }
            guard let first = clouds.first else { return WebResponse(503, text: "") }
            let front = FaultyFront(faults: first.calls) { await Self.perform($0, among: clouds) }
            return await front.answer(request)
        }
    }

    private static func perform(
        _ request: WebRequest,
        among clouds: [Cloud]
    ) async -> WebResponse {
        let asked = clouds.count > 1 ? self.asked(request, among: clouds) : clouds
        // What is said of somebody whom another one may know.
        let unknown = request.path.hasPrefix("/v2/credentials/") ? [400] : [401, 404]
        var answer = WebResponse(404, text: "")
        for cloud in asked {
            answer = await perform(request, in: cloud)
            guard unknown.contains(answer.status) else { return answer }
        }
        return answer
    }

    /// Those who may know what a request is about, of which each but one says that it does not.
    private static func asked(_ request: WebRequest, among clouds: [Cloud]) -> [Cloud] {
        if request.path == "/" {
            // Calls about a service name its cluster; the others are about what all share.
            let body = String(decoding: request.body, as: UTF8.self)
            return [clouds.first { body.contains($0.names.cluster) } ?? clouds[0]]
        }
        if let named = clouds.first(where: { request.query.contains($0.organization.poolName) }) {
            return [named]
        }
        return clouds
    }

    private static func perform(_ request: WebRequest, in cloud: Cloud) async -> WebResponse {
        if request.path == "/" { return await cloud.aws.call(request) }
        if request.path.hasPrefix("/v2/credentials/") {
            return await cloud.aws.credentials(request)
        }
        let isTerraform =
            request.path.hasPrefix("/api/agent/") || request.path.hasPrefix("/api/v2/")
        if isTerraform { return await cloud.terraform.answer(request) }
        // What every such server says of itself (Terraform, "Remote service discovery").
        if request.path == "/.well-known/terraform.json" {
            return WebResponse(200, ["tfe.v2": "/api/v2/"])
        }
        return await cloud.ecs.endpoint(request)
    }
}
