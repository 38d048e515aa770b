import Glibc

/// An address of IPv4 (4 bytes) or IPv6 (16 bytes).
package struct IPAddress: Hashable, Sendable {
    fileprivate let bytes: [UInt8]

    /// - Parameter text: as in RFC 4291 or dotted; an IPv4 address that is written as an IPv6 one
    ///   (`::ffff:192.0.2.1`, as a socket for both has it) is the IPv4 address.
    /// - Returns: nil for anything else, also with a port, a zone or white space.
    package init?(_ text: some StringProtocol) {
        let text = String(text)
        guard text.utf8.count <= 45 else { return nil }
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            let all = withUnsafeBytes(of: &six) { Array($0) }
            let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
            bytes = Array(all.prefix(12)) == mapped ? Array(all.suffix(4)) : all
        } else {
            return nil
        }
    }
}

/// Addresses and CIDR ranges of both families.
package struct AddressRanges: Hashable, Sendable {
    private struct Range: Hashable {
        let start: [UInt8]
        let bits: Int
    }

    private let ranges: [Range]

    /// None.
    package static let none = AddressRanges(ranges: [])

    private init(ranges: [Range]) { self.ranges = ranges }

    /// - Parameter list: with commas between them; white space around them does not count.
    /// - Returns: nil when one of them is no address and no range, or has bits set beyond its
    ///   prefix: then a person meant something else than is written.
    package init?(_ list: String) {
        var ranges: [Range] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            let text = part.filter { !$0.isWhitespace }
            let pieces = text.split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(pieces.count), let address = IPAddress(pieces[0]) else {
                return nil
            }
            var bits = address.bytes.count * 8
            if pieces.count == 2 {
                // A range of mapped addresses would be of the other family's length.
                guard pieces[0].contains(":") == (bits == 128),
                    pieces[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                    let number = Int(pieces[1]), number <= bits
                else { return nil }
                bits = number
            }
            guard Self.cut(address.bytes, to: bits) == address.bytes else { return nil }
            ranges.append(Range(start: address.bytes, bits: bits))
        }
        self.ranges = ranges
    }

    package func contains(_ address: IPAddress) -> Bool {
        ranges.contains { range in
            range.start.count == address.bytes.count
                && Self.cut(address.bytes, to: range.bits) == range.start
        }
    }

    private static func cut(_ bytes: [UInt8], to bits: Int) -> [UInt8] {
        bytes.enumerated().map { index, byte in
            switch bits - index * 8 {
            case ...0: 0
            case 8...: byte
            case let left: byte & ~(0xff >> left)
            }
        }
    }
}

/// Who may call: by the address that a call comes from. A pure value.
package struct Admission: Hashable, Sendable {
    /// Nil for everybody.
    private let allowed: AddressRanges?
    /// Whose word counts for whom they call.
    private let proxies: AddressRanges

    package static let everybody = Admission(allowed: nil)

    /// - Parameters:
    ///   - allowed: nil for everybody.
    ///   - proxies: such as a load balancer; what `X-Forwarded-For` says is believed of them alone.
    package init(allowed: AddressRanges?, proxies: AddressRanges = .none) {
        self.allowed = allowed
        self.proxies = proxies
    }

    /// - Parameters:
    ///   - peer: the address at the other end of the connection.
    ///   - forwardedFor: the values of all `X-Forwarded-For` headers, in their order. Each proxy
    ///     adds whom it was called by at the end, so it is read from there, for as long as the one
    ///     who says so is a proxy; what stands before was written by nobody known.
    package func admits(peer: String, forwardedFor: [String]) -> Bool {
        guard let allowed else { return true }
        guard var caller = IPAddress(peer) else { return false }
        var said = forwardedFor.flatMap { $0.split(separator: ",") }
        while proxies.contains(caller), let last = said.popLast() {
            guard let before = IPAddress(last.filter { !$0.isWhitespace }) else { return false }
            caller = before
        }
        return allowed.contains(caller)
    }
}
