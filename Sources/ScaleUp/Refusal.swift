package import HCPTerraform

/// Why a request is not acted on.
///
/// Anybody can cause one of those that come without a right signature, as often as they like. So
/// none of them costs a call of AWS, but for a bounded number of readings of the key
/// (``RunTaskKeys``), and the log says each a few times a minute (``RefusalLog``).
package enum Refusal: Hashable, Sendable {
    /// It comes from an address that may not call.
    case address
    /// Not POST.
    case method
    /// No signature, several, or one that no key can have made.
    case malformedSignature
    /// Well-formed, but of none of the keys.
    case wrongSignature
    case tooLarge
    /// The body did not arrive in time.
    case tooSlow
    /// No HTTP, or cut off.
    case broken
    /// There is no room for the body beside those of others.
    case crowded
    /// There is no key to judge by.
    case noKey
    /// Signed, but no JSON object.
    case noRunTask(RunTaskFault)
    /// The same of a notification.
    case noNotification(NotificationFault)
    /// Signed, but to be called back elsewhere than at `TFC_ADDRESS`.
    case otherHost

    package var response: EndpointResponse {
        switch self {
        case .address: EndpointResponse(403, "Calls are not taken from this address.")
        case .method:
            EndpointResponse(405, "HCP Terraform calls with POST.", headers: ["allow": "POST"])
        case .malformedSignature, .wrongSignature:
            EndpointResponse(401, "The signature is missing or is not that of the HMAC key.")
        case .tooLarge: EndpointResponse(413, "The body is larger than 1 MiB.")
        case .tooSlow: EndpointResponse(408, "The body took more than 10 s.")
        case .broken: EndpointResponse(400, "The request is cut off or no HTTP.")
        case .crowded: .tryAgain("There is no room for the body now; try again.")
        case .noKey: .tryAgain("The HMAC key cannot be read; try again.")
        case .noRunTask(let fault): EndpointResponse(400, "This is no run task call: \(fault).")
        case .noNotification(let fault):
            EndpointResponse(400, "This is no notification: \(fault).")
        case .otherHost: EndpointResponse(400, "The callback URL is not one of TFC_ADDRESS.")
        }
    }

    /// By a name that never changes, for logs and metrics.
    package var name: String {
        switch self {
        case .address: "address"
        case .method: "method"
        case .malformedSignature: "malformed_signature"
        case .wrongSignature: "wrong_signature"
        case .tooLarge: "too_large"
        case .tooSlow: "too_slow"
        case .broken: "broken"
        case .crowded: "crowded"
        case .noKey: "no_key"
        case .noRunTask: "no_run_task"
        case .noNotification: "no_notification"
        case .otherHost: "other_host"
        }
    }

    /// For a person who reads the log.
    package var reason: String {
        switch self {
        case .malformedSignature: "there is not exactly one signature of 128 hex digits"
        case .wrongSignature: "the signature is not that of the HMAC key"
        default: response.body
        }
    }

    /// What is wrong with a request as far as its head tells, before its body is read and before
    /// any key is needed; nil if nothing is.
    ///
    /// - Parameters:
    ///   - signatures: the values of all its signature headers, of either kind.
    ///   - length: of the body, as far as it is known.
    package init?(method: String, signatures: [String], length: Int?) {
        if method != "POST" {
            self = .method
        } else if signatures.count != 1 || RunTaskSignature(signatures[0]) == nil {
            self = .malformedSignature
        } else if let length, length > Verdict.maximumBodyBytes {
            self = .tooLarge
        } else {
            return nil
        }
    }

    /// The same of a request that is here as a whole.
    package init?(_ request: EndpointRequest) {
        self.init(
            method: request.method,
            signatures: request.signatures.map(\.value),
            length: request.body.count
        )
    }
}
