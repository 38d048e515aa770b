/// When a line was written: milliseconds since 1970, by the wall clock.
package struct LogMoment: Sendable, Hashable, CustomStringConvertible {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Reads what ``description`` says, and nothing else.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let form = Array("dddd-dd-ddTdd:dd:dd.dddZ".utf8)
        guard bytes.count == form.count else { return nil }
        var numbers: [Int64] = []
        var isInNumber = false
        for (byte, expected) in zip(bytes, form) {
            guard expected == UInt8(ascii: "d") else {
                guard byte == expected else { return nil }
                isInNumber = false
                continue
            }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let digit = Int64(byte - UInt8(ascii: "0"))
            if isInNumber { numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + digit }
            if !isInNumber { numbers.append(digit) }
            isInNumber = true
        }
        guard (1...12).contains(numbers[1]), (1...31).contains(numbers[2]) else { return nil }
        let seconds = numbers[3] * 3_600 + numbers[4] * 60 + numbers[5]
        let days = Self.days(numbers[0], numbers[1], numbers[2])
        milliseconds = (days * 86_400 + seconds) * 1_000 + numbers[6]
    }

    /// The inverse of ``date(_:)``.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

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
