package import Decisions
import FoundationEssentials

extension WallTime {
    /// The clock of this machine.
    package static func now() -> WallTime {
        WallTime(milliseconds: Int(Date().timeIntervalSince1970 * 1000))
    }

    /// - Parameter text: a date and time of RFC 3339, with or without a fraction of the second,
    ///   such as `2026-01-31T10:00:00.5Z`. Fractions finer than milliseconds are cut off.
    package init?(rfc3339 text: String) {
        var rest = text.utf8[...]
        guard let year = rest.digits(4), rest.skip("-"), let month = rest.digits(2),
            rest.skip("-"), let day = rest.digits(2), rest.skip("T") || rest.skip("t"),
            let hour = rest.digits(2), rest.skip(":"), let minute = rest.digits(2),
            rest.skip(":"), let second = rest.digits(2),
            let fraction = rest.millisecondsOfFraction(), let offset = rest.offsetSeconds(),
            rest.isEmpty
        else { return nil }
        // 60 is a leap second; it counts as the first one of the next minute.
        guard (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = Self.daysSince1970(year, month, day)
        let seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
        self.init(milliseconds: seconds * 1000 + fraction)
    }

    /// Counts years from March, so that the leap day is the last of its year.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let years = month > 2 ? year : year - 1
        let months = (month + 9) % 12
        let leapDays = years / 4 - years / 100 + years / 400
        // 719 468 days lie between 0000-03-01 and 1970-01-01.
        return years * 365 + leapDays + (months * 153 + 2) / 5 + day - 1 - 719_468
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}

extension Substring.UTF8View {
    fileprivate mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard first == UInt8(ascii: character) else { return false }
        removeFirst()
        return true
    }

    fileprivate mutating func digits(_ count: Int) -> Int? {
        let digits = prefix(count)
        guard digits.count == count,
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        removeFirst(count)
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    /// Zero when there is no fraction, nil when there is a point without digits.
    fileprivate mutating func millisecondsOfFraction() -> Int? {
        guard skip(".") else { return 0 }
        var milliseconds = 0
        var unit = 100
        guard var digit = digits(1) else { return nil }
        while true {
            milliseconds += digit * unit
            unit /= 10
            guard let next = digits(1) else { return milliseconds }
            digit = next
        }
    }

    fileprivate mutating func offsetSeconds() -> Int? {
        if skip("Z") || skip("z") { return 0 }
        let isWest = skip("-")
        guard isWest || skip("+"), let hours = digits(2), skip(":"), let minutes = digits(2),
            hours < 24, minutes < 60
        else { return nil }
        let seconds = hours * 3600 + minutes * 60
        return isWest ? -seconds : seconds
    }
}
