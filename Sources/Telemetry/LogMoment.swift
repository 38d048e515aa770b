/// When a line was written: milliseconds since 1970, by the wall clock.
package struct LogMoment: Sendable, Hashable, CustomStringConvertible {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// RFC 3339 in UTC with milliseconds.
    package var description: String {
        let dayLength: Int64 = 86_400_000
        var days = milliseconds / dayLength
        var rest = milliseconds % dayLength
        if rest < 0 { (days, rest) = (days - 1, rest + dayLength) }
        let (year, month, day) = Self.date(days)
        let second = rest / 1_000
        return Self.pad(year, 4) + "-" + Self.pad(month, 2) + "-" + Self.pad(day, 2) + "T"
            + Self.pad(second / 3_600, 2) + ":" + Self.pad(second / 60 % 60, 2) + ":"
            + Self.pad(second % 60, 2) + "." + Self.pad(rest % 1_000, 3) + "Z"
    }

    /// The date so many days after 1970-01-01. Years are counted from March, so that a leap day is
    /// a year's last; 146,097 days are 400 years.
    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let fromMarch = days + 719_468
        let era = (fromMarch >= 0 ? fromMarch : fromMarch - 146_096) / 146_097
        let dayOfEra = fromMarch - era * 146_097
        let leapDays = dayOfEra / 1_460 - dayOfEra / 36_524 + dayOfEra / 146_096
        let yearOfEra = (dayOfEra - leapDays) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func pad(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
