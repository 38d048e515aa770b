internal import HCPTerraform
package import ScaleUp

/// One request, made of bytes. The first says how it is signed and the second with what method it
/// comes; the rest is the body. Most values of both are the right thing, since what is unsigned
/// ends early.
package struct FuzzCase: Sendable {
    package enum Signing: UInt8, CaseIterable, Sendable {
        case right = 0
        case upperCase, otherHeaderCase, missing, empty, otherKey, doubled, cut, otherBody
    }

    package let signing: Signing
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
            method: methods[bytes[1]] ?? "POST",
            body: Array(bytes.dropFirst(2))
        )
    }

    package init(_ signing: Signing, method: String = "POST", body: [UInt8]) {
        self.signing = signing
        self.method = method
        self.body = body
        let signature = FuzzedEndpoint.key.sign(body)
        let name = "X-TFC-Task-Signature"
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
            case .otherBody: [(name, FuzzedEndpoint.key.sign(body + [0x20]))]
            }
        request = EndpointRequest(method: method, headers: headers, body: body)
    }

    /// Whether it has one signature that some key can have made.
    package var isWellFormed: Bool {
        switch signing {
        case .right, .upperCase, .otherHeaderCase, .otherKey, .otherBody: true
        case .missing, .empty, .doubled, .cut: false
        }
    }

    /// Whether the endpoint may act on it at all.
    package var isSigned: Bool {
        switch signing {
        case .right, .upperCase, .otherHeaderCase: method == "POST"
        case .missing, .empty, .otherKey, .doubled, .cut, .otherBody: false
        }
    }
}
