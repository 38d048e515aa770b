import HCPTerraform
import ScaleUp
import Testing

@Suite("Who may call")
struct AdmissionTests {
    @Test(
        "a range holds the addresses of its prefix, and none of the other family",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.0/23", "10.1.3.255", true), ("10.1.2.0/23", "10.1.4.0", false),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
            ("2001:db8::/33", "2001:db8:8000::", false), ("::/0", "10.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true), ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("10.0.0.0/8, 2001:db8::/32", "2001:db8::1", true), ("0.0.0.0/0", "no address", false),
        ]
    )
    func ranges(_ list: String, _ address: String, _ isIn: Bool) throws {
        let ranges = try #require(AddressRanges(list))
        let admission = Admission(allowed: ranges)
        #expect(admission.admits(peer: address, forwardedFor: []) == isIn)
    }

    @Test(
        "what is no list of ranges is refused",
        arguments: [
            "", ",", "10.0.0.0/8,", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/",
            "10.0.0.1/8", "2001:db8::1/32", "2001:db8::/129", "10.0.0", "localhost", "10.0.0.0/8/8",
            "::ffff:10.0.0.0/104", "fe80::1%eth0", "010.0.0.1", "10.0.0.0/8 10.0.0.1",
        ]
    )
    func malformed(_ list: String) { #expect(AddressRanges(list) == nil) }

    /// The proxies are 10.0.0.0/8, and 192.0.2.0/24 may call.
    private func admits(_ peer: String, _ said: String...) throws -> Bool {
        let allowed = try #require(AddressRanges("192.0.2.0/24"))
        let proxies = try #require(AddressRanges("10.0.0.0/8"))
        return Admission(allowed: allowed, proxies: proxies)
            .admits(peer: peer, forwardedFor: said)
    }

    @Test("what X-Forwarded-For says counts from a declared proxy alone, and from its end")
    func proxies() throws {
        #expect(try admits("192.0.2.1"))
        #expect(try admits("10.0.0.1", "192.0.2.1"))
        #expect(try admits("10.0.0.1", "203.0.113.9, 192.0.2.1 ,10.9.9.9"))
        #expect(try admits("10.0.0.1", "203.0.113.9", "192.0.2.1"))
        #expect(try !admits("203.0.113.9", "192.0.2.1"))
        #expect(try !admits("10.0.0.1", "192.0.2.1, 203.0.113.9"))
        #expect(try !admits("10.0.0.1"))
        #expect(try !admits("10.0.0.1", "192.0.2.1, unknown"))
        #expect(try !admits("10.0.0.1", "192.0.2.1:443"))
        #expect(try !admits("", "192.0.2.1"))
    }

    @Test("without a list everybody may call, wherever from")
    func everybody() {
        for peer in ["", "192.0.2.1", "x"] {
            #expect(Admission.everybody.admits(peer: peer, forwardedFor: ["x"]))
        }
    }

    @Test("a signed call from elsewhere is 403 with a line in the log, and no key is read for it")
    func refused() async throws {
        let parameter = FakeParameter(nil)
        let log = FakeLog()
        let allowed = try #require(AddressRanges("192.0.2.0/24"))
        let world = try World(log: log) {
            $0.keys = RunTaskKeys(of: "a parameter", read: { try parameter.read() })
            $0.admission = Admission(allowed: allowed)
        }
        let body = Array("{}".utf8)
        let headers = [(name: "X-TFC-Task-Signature", value: World.key.sign(body))]
        func status(from address: String) async -> Int {
            let request = EndpointRequest(
                from: .address(address),
                method: "POST",
                headers: headers,
                body: body
            )
            return await world.endpoint.respond(to: request).status
        }
        #expect(await status(from: "203.0.113.9") == 403)
        #expect(await status(from: "") == 403)
        #expect(parameter.readings == 0)
        #expect(log.lines.contains { $0.contains("403") && $0.contains("from 203.0.113.9") })
        #expect(await status(from: "192.0.2.7") == 503)
        #expect(parameter.readings == 1)
    }
}
