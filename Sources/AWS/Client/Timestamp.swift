package import Decisions
import FoundationEssentials

extension WallTime {
    /// - Parameter text: a date and time of RFC 3339 as AWS's services write it, with or without a
    ///   fraction of the second, such as `2026-01-31T10:00:00.5Z`. Fractions finer than milliseconds
    ///   are cut off.
    package init?(rfc3339 text: String) {
        // Foundation's parser does not look at what comes behind the time.
        guard let last = text.utf8.last,
            last == UInt8(ascii: "Z") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last)
        else { return nil }
        let fractional = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard
            let date = (try? fractional.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
        else { return nil }
        // Seconds as a binary fraction lie up to half a microsecond beside what was written.
        self.init(milliseconds: Int((date.timeIntervalSince1970 * 1000 + 0.0006).rounded(.down)))
    }
}

/// A time in the JSON of ECS: seconds since 1970, with a fraction. Some stand-ins write a date and
/// time; anything else says nothing.
struct Timestamp: Decodable {
    let time: WallTime?

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let seconds = try? value.decode(Double.self), abs(seconds) < Self.latest {
            time = WallTime(milliseconds: Int(seconds * 1000))
        } else {
            time = (try? value.decode(String.self)).flatMap { WallTime(rfc3339: $0) }
        }
    }

    /// Far beyond any date in use, and well within what milliseconds can count.
    private static let latest = 1e12
}
