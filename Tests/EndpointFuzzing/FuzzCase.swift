internal import HCPTerraform
package import ScaleUp

/// One request, made of bytes. The first says how it is signed and the second with what method it
/// comes, as what kind of call and to which pool; the rest is the body. Most values of both are the
/// right thing, since what is unsigned ends early.
package struct FuzzCase: Sendable {
    package enum Signing: UInt8, CaseIterable, Sendable {
        case right = 0
        case upperCase, otherHeaderCase, missing, empty, otherKey, doubled, cut, otherBody
        /// Right as both kinds of call at once.
        case bothKinds
    }

    /// What the call says that it is.
    package enum Kind: Sendable {
        case runTask, notification

        var header: String {
            switch self {
            case .runTask: "X-TFC-Task-Signature"
            case .notification: "X-TFE-Notification-Signature"
            }
        }
    }

    /// Where it is sent: to the endpoint, to the pool that there is, or to one that there is not.
    package enum Address: String, CaseIterable, Sendable {
        case endpoint = "/"
        case pool = "/pools/agents"
        case otherPool = "/pools/other"

        /// A range of letters each, or a mutation would hardly ever meet one.
        init(_ byte: UInt8) {
            self =
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "m"): .pool
                case UInt8(ascii: "n")...UInt8(ascii: "o"), UInt8(ascii: "q")...UInt8(ascii: "z"):
                    .otherPool
                default: .endpoint
                }
        }
    }

    package let signing: Signing
    package let kind: Kind
    package let address: Address
    package let method: String
    package let body: [UInt8]
    package let request: EndpointRequest

    /// - Returns: nil for fewer than two bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 2 else { return nil }
        let signing = Signing(rawValue: bytes[0] &- UInt8(ascii: "0")) ?? .right
        let methods: [UInt8: String] = [
            UInt8(ascii: "G"): "GET", UInt8(ascii: "U"): "PUT", UInt8(ascii: "p"): "post",
        ]
        self.init(
            signing,
            [UInt8(ascii: "N"), UInt8(ascii: "n")].contains(bytes[1]) ? .notification : .runTask,
            to: Address(bytes[1]),
            method: methods[bytes[1]] ?? "POST",
            body: Array(bytes.dropFirst(2))
        )
    }

    package init(
        _ signing: Signing,
        _ kind: Kind = .runTask,
        to address: Address = .endpoint,
        method: String = "POST",
        body: [UInt8]
    ) {
        self.signing = signing
        self.kind = kind
        self.address = address
        self.method = method
        self.body = body
        let signature = FuzzedEndpoint.key.sign(body)
        let name = kind.header
        let headers: [(name: String, value: String)] =
            switch signing {
            case .right: [(name, signature)]
            case .upperCase: [(name, signature.uppercased())]
            case .otherHeaderCase: [("Host", "x"), (name.lowercased(), signature)]
            case .missing: []
            case .empty: [(name, "")]
            case .otherKey: [(name, RunTaskKey("another key").sign(body))]
            case .doubled: [(name, signature), (name.lowercased(), signature)]
            case .cut: [(name, String(signature.dropLast(2)))]
            case .bothKinds:
                [(Kind.runTask.header, signature), (Kind.notification.header, signature)]
            case .otherBody: [(name, FuzzedEndpoint.key.sign(body + [0x20]))]
            }
        request = EndpointRequest(
            method: method,
            path: address.rawValue,
            headers: headers,
            body: body
        )
    }

    /// Whether it has one signature that some key can have made.
    package var isWellFormed: Bool {
        switch signing {
        case .right, .upperCase, .otherHeaderCase, .otherKey, .otherBody: true
        case .missing, .empty, .doubled, .cut, .bothKinds: false
        }
    }

    /// Whether the endpoint may act on it at all.
    package var isSigned: Bool {
        switch signing {
        case .right, .upperCase, .otherHeaderCase: method == "POST"
        case .missing, .empty, .otherKey, .doubled, .cut, .otherBody, .bothKinds: false
        }
    }
}
