internal import HCPTerraform
internal import ScaleUp

/// Faults that endpoints have had elsewhere. A fuzz target that does not find them proves nothing.
package enum PlantedFault: String, CaseIterable, Sendable {
    /// Compares only as much as both signatures have.
    case comparesPrefix
    /// Takes the last of several signature headers.
    case takesLastHeader
    /// A body without a signature passes, as with no key configured.
    case takesMissingSignature
    /// Overlooks a space at the end of the body.
    case overlooksSpace
    /// Answers 500 where the body is no JSON.
    case failsOnGarbage
    /// Forgets the size limit and the method.
    case takesAnyMethod
    /// Drops what a notification says is over without looking who holds it.
    case dropsHeldJobs
    /// Takes a call for a pool that is not here.
    case takesEveryPool

    func put(
        around subject: @escaping FuzzedEndpoint.Subject
    ) -> FuzzedEndpoint.Subject {
        { request in await subject(self.distort(request)).distorted(by: self, request) }
    }

    /// The request as the faulty endpoint takes it: signed, where it should not be.
    private func distort(_ request: EndpointRequest) -> EndpointRequest {
        let name = FuzzCase.Kind.runTask.header.lowercased()
        let right = FuzzedEndpoint.key.sign(request.body)
        let signatures = request.headers.filter { $0.name.lowercased() == name }.map(\.value)
        let isTaken: Bool =
            switch self {
            case .comparesPrefix:
                signatures.count == 1 && !signatures[0].isEmpty && right.hasPrefix(signatures[0])
            case .takesLastHeader: signatures.last == right
            case .takesMissingSignature: signatures.isEmpty
            case .overlooksSpace:
                signatures == [FuzzedEndpoint.key.sign(request.body + [0x20])]
            case .failsOnGarbage, .takesAnyMethod, .dropsHeldJobs, .takesEveryPool: false
            }
        return EndpointRequest(
            method: self == .takesAnyMethod ? "POST" : request.method,
            path: self == .takesEveryPool ? "/" : request.path,
            headers: isTaken ? [(name, right)] : request.headers,
            body: request.body
        )
    }
}

extension EndpointResponse {
    fileprivate func distorted(
        by fault: PlantedFault,
        _ request: EndpointRequest
    ) -> EndpointResponse {
        guard fault == .failsOnGarbage, status == 400, request.body.last != UInt8(ascii: "}") else {
            return self
        }
        return EndpointResponse(500, "")
    }
}
