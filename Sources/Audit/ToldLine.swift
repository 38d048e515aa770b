import FoundationEssentials
import StrictJSON
import Telemetry

/// A line of a program's log, as it was read.
struct ToldLine: Sendable {
    let at: LogMoment
    let event: EventName
    let program: String
    /// What kind of secret it shows, by a form that only such things have.
    let secret: String?
    private let members: [String: Member]

    /// A member of a line; of others than texts, numbers and flags nothing is asked.
    private enum Member: Decodable, Sendable {
        case text(String)
        case number(Double)
        case flag(Bool)
        case other

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let text = try? value.decode(String.self) {
                self = .text(text)
            } else if let flag = try? value.decode(Bool.self) {
                self = .flag(flag)
            } else if let number = try? value.decode(Double.self) {
                self = .number(number)
            } else {
                self = .other
            }
        }
    }

    /// - Parameter line: as the program wrote it, or with a time or a stream's name before it, as
    ///   the AWS CLI shows it.
    /// - Returns: nil for what no program of this project wrote, such as a line of the agent.
    init?(_ line: Substring) {
        guard let start = line.utf8.firstIndex(of: UInt8(ascii: "{")),
            let members = try? StrictJSON.decode([String: Member].self, from: line[start...].utf8),
            case .text(let time) = members["time"], let at = LogMoment(time),
            case .text(let name) = members["event"], let event = EventName(rawValue: name),
            case .text(let program) = members["program"]
        else { return nil }
        self.at = at
        self.event = event
        self.program = program
        self.members = members
        secret = SecretForm.found(in: line)
    }

    func text(_ field: LogField) -> String? {
        if case .text(let text) = members[field.rawValue] { text } else { nil }
    }

    func number(_ field: LogField) -> Double? { number(field.rawValue) }

    func value(_ metric: Metric) -> Double? { number(metric.rawValue) }

    func flag(_ field: LogField) -> Bool? {
        if case .flag(let flag) = members[field.rawValue] { flag } else { nil }
    }

    private func number(_ name: String) -> Double? {
        if case .number(let number) = members[name] { number } else { nil }
    }
}

/// Forms by which some secrets are known, whoever made them. A key for HMAC has none.
private enum SecretForm {
    /// - Returns: what kind of secret a text shows; nil for none of those that have a form.
    static func found(in text: Substring) -> String? {
        // HCP Terraform's tokens, those of agents too ("API tokens").
        if text.contains(".atlasv1.") { return "a token of HCP Terraform" }
        if text.contains("/api/v2/task-results/") { return "a run task's callback URL" }
        return holdsAccessKey(text) ? "an access key of AWS" : nil
    }

    /// IAM's ids of keys: a prefix and sixteen characters ("IAM identifiers", unique id prefixes).
    private static func holdsAccessKey(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        return ["AKIA", "ASIA"].contains { prefix in
            var rest = bytes[...]
            while let place = rest.firstRange(of: Array(prefix.utf8)) {
                rest = rest[place.upperBound...]
                let isAlone = place.lowerBound == 0 || !isKeyByte(bytes[place.lowerBound - 1])
                if isAlone, rest.prefix(while: isKeyByte).count == 16 { return true }
            }
            return false
        }
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
