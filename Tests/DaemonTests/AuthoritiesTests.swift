import Daemon
import FoundationEssentials
import Testing

/// As much of a certificate as is looked at: one sequence that says how long it is.
private func certificate(_ length: Int = 600, missing: Int = 0) -> String {
    let bytes = [0x30, 0x82, UInt8(length >> 8), UInt8(length & 255)]
    let body = Data(bytes + [UInt8](repeating: 7, count: length - missing)).base64EncodedString()
    var text = "-----BEGIN CERTIFICATE-----\n"
    var rest = Substring(body)
    while !rest.isEmpty {
        text += rest.prefix(64) + "\n"
        rest = rest.dropFirst(64)
    }
    return text + "-----END CERTIFICATE-----\n"
}

@Suite("Authorities of one's own")
struct AuthoritiesTests {
    private func read(_ bundle: String) throws(SettingsFault) -> TrustedAuthorities {
        var reader = SettingsReader(["CA_BUNDLE": bundle, "SSL_CERT_FILE": "/ca.pem"])
        let authorities = reader.authorities()
        try reader.check()
        return authorities
    }

    @Test(
        "certificates are taken as they are, with what stands between them and either line end",
        arguments: [
            certificate(), certificate() + certificate(1_000),
            "our authority\n" + certificate() + "# and another one\n" + certificate(),
            certificate().replacing("\n", with: "\r\n"),
        ]
    )
    func taken(_ text: String) throws {
        #expect(try read(text) == TrustedAuthorities(path: "/ca.pem", more: text))
    }

    @Test(
        "what is no certificate, or was cut off, is a fault that shows nothing of it",
        arguments: [
            "certificate", "/etc/ssl/ca.pem", certificate().replacing("\n", with: "\\n"),
            String(certificate().dropLast(30)), String(certificate().dropFirst(28)),
            certificate(missing: 1), certificate() + certificate(missing: 7),
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----",
            certificate() + "-----BEGIN PRIVATE KEY-----\nMIIhush\n-----END PRIVATE KEY-----\n",
        ]
    )
    func refused(_ text: String) throws {
        let fault = #expect(throws: SettingsFault.self) { try read(text) }
        #expect(fault?.problems.count == 1)
        #expect(fault?.description.contains("MII") == false)
    }

    @Test("none is the system's alone")
    func none() throws {
        var reader = SettingsReader(["CA_BUNDLE": "", "SSL_CERT_FILE": ""])
        #expect(reader.authorities() == TrustedAuthorities(path: nil, more: nil))
        try reader.check()
    }
}
