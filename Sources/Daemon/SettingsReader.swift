/// Reads settings from the environment and collects every fault, so that one start tells the
/// operator all that is wrong.
///
/// Each reader returns a value even when it notes a fault; ``check()`` then throws before any of
/// them is used.
package struct SettingsReader {
    let environment: [String: String]
    private var faults: [SettingsFault.Entry] = []
    private var problems: [String] = []

    package init(_ environment: [String: String]) { self.environment = environment }

    /// The value of a setting; an empty one counts as unset, as ECS and Lambda can only pass
    /// empty strings where a template left a blank.
    package func value(_ name: String) -> String? {
        guard let value = environment[name], !value.isEmpty else { return nil }
        return value
    }

    package mutating func required(_ name: String, expected: String) -> String {
        guard let value = value(name) else {
            fault(name, value: nil, expected: expected)
            return ""
        }
        return value
    }

    /// A secret that must be there; its value never appears in a fault.
    package mutating func requiredSecret(_ name: String, expected: String) -> String {
        guard let value = value(name) else {
            fault(name, value: nil, expected: expected)
            return ""
        }
        if value.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) {
            fault(name, value: "(secret)", expected: expected + ", without white space")
        }
        return value
    }

    package mutating func count(
        _ name: String,
        default fallback: Int,
        in range: ClosedRange<Int>,
        expected: String
    ) -> Int {
        guard let text = value(name) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            fault(name, value: text, expected: expected)
            return fallback
        }
        return number
    }

    /// A number of whole seconds.
    package mutating func seconds(
        _ name: String,
        default fallback: Int,
        in range: ClosedRange<Int>,
        expected: String
    ) -> Duration {
        .seconds(count(name, default: fallback, in: range, expected: expected))
    }

    /// An `https` address without path, or `http` on loopback, which a rehearsal uses.
    package mutating func address(_ name: String, default fallback: String) -> String {
        guard let text = value(name) else { return fallback }
        guard let address = Self.address(text) else {
            fault(name, value: text, expected: "an address such as \(fallback)")
            return fallback
        }
        return address
    }

    private static func address(_ text: String) -> String? {
        var text = Substring(text)
        while text.last == "/" { text.removeLast() }
        let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        let isLoopback = loopback.contains { text == $0 || text.hasPrefix($0 + ":") }
        guard text.hasPrefix("https://") || isLoopback else { return nil }
        let host = text.drop { $0 != "/" }.dropFirst(2)
        guard !host.isEmpty, !host.contains(where: { "/?#@ ".contains($0) }) else { return nil }
        return String(text)
    }

    /// - Parameter value: as it was given; nil when it is missing. What may hold a secret is not
    ///   shown.
    package mutating func fault(_ name: String, value: String?, expected: String) {
        let shown = value.map(SettingsFault.shown)
        faults.append(SettingsFault.Entry(name: name, value: shown, expected: expected))
    }

    /// Notes what another reader found wrong, in its own words.
    package mutating func problem(_ text: String) { problems.append(text) }

    /// Call after the last setting and before any is used.
    ///
    /// - Throws: ``SettingsFault`` with every fault noted.
    package func check() throws(SettingsFault) {
        if !faults.isEmpty || !problems.isEmpty {
            throw SettingsFault(entries: faults, problems: problems)
        }
    }
}

/// Everything that is wrong with the environment. Nothing was started.
package struct SettingsFault: Error, Hashable, CustomStringConvertible {
    package struct Entry: Hashable, Sendable {
        package let name: String
        /// The value as it may be shown; nil when it is missing.
        package let value: String?
        package let expected: String
    }

    package let entries: [Entry]
    /// Faults that another reader of the environment words itself.
    package let problems: [String]

    /// A value that can hold no secret as it is, and words in brackets for any other: a password
    /// in an address, or a token that was put into the wrong setting. Short words and numbers are
    /// what a person mistypes.
    fileprivate static func shown(_ value: String) -> String {
        if value.utf8.count > longestShown { return "(\(value.utf8.count) bytes, not shown)" }
        let mayBeAddress = value.contains("://") || value.contains("@")
        guard mayBeAddress else { return value }
        return plainAddress(value) ? value : "(not shown, since it may hold a password)"
    }

    /// Scheme, host and port and nothing else.
    private static func plainAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "://", omittingEmptySubsequences: false)
        return parts.count == 2
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                        UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "["),
                        UInt8(ascii: "]"):
                        true
                    default: false
                    }
                }
            }
    }

    /// The shortest secret in use, an AWS secret access key, has 40 characters.
    private static let longestShown = 39

    package var description: String {
        let lines = entries.map { entry in
            let state = entry.value.map { "is \"\($0)\"" } ?? "is not set"
            return "  \(entry.name) \(state); expected: \(entry.expected)"
        }
        return "The environment is not complete. Nothing was started.\n"
            + (lines + problems.map { "  \($0)" }).joined(separator: "\n")
    }
}
