import Model

/// Times as HCP Terraform's API writes them, such as `2026-11-23T08:01:12.123+00:00`.
enum ISOTime {
    /// - Returns: milliseconds since 1970; nil for anything else, dates that do not exist included.
    static func milliseconds(_ text: String) -> Milliseconds? {
        var rest = Substring(text)
        guard let year = number(&rest, 4), take(&rest, "-"),
            let month = number(&rest, 2), take(&rest, "-"),
            let day = number(&rest, 2), take(&rest, "T"),
            let hour = number(&rest, 2), take(&rest, ":"),
            let minute = number(&rest, 2), take(&rest, ":"),
            let second = number(&rest, 2),
            (1...12).contains(month), (1...days(in: month, of: year)).contains(day),
            hour < 24, minute < 60, second < 61
        else { return nil }
        var fraction = 0
        if take(&rest, ".") {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard !digits.isEmpty, digits.count <= 9 else { return nil }
            fraction = Int((String(digits) + "00").prefix(3)) ?? 0
            rest = rest.dropFirst(digits.count)
        }
        guard let offset = offset(&rest), rest.isEmpty else { return nil }
        let seconds = dayNumber(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
        return (seconds - offset) * 1_000 + fraction
    }

    private static func offset(_ rest: inout Substring) -> Int? {
        if take(&rest, "Z") { return 0 }
        let sign = rest.first == "+" ? 1 : rest.first == "-" ? -1 : 0
        guard sign != 0 else { return nil }
        rest.removeFirst()
        guard let hours = number(&rest, 2), hours < 24 else { return nil }
        _ = take(&rest, ":")
        guard let minutes = number(&rest, 2), minutes < 60 else { return nil }
        return sign * (hours * 3_600 + minutes * 60)
    }

    private static func number(_ rest: inout Substring, _ digits: Int) -> Int? {
        let text = rest.prefix(digits)
        guard text.count == digits, text.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            return nil
        }
        rest = rest.dropFirst(digits)
        return Int(text)
    }

    private static func take(_ rest: inout Substring, _ character: Character) -> Bool {
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    private static func days(in month: Int, of year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    /// Days since 1970-01-01, by years that begin in March (Howard Hinnant, "chrono-compatible
    /// low-level date algorithms").
    private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
