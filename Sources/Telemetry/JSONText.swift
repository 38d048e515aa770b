/// JSON is written by hand here: the launcher brings no Foundation, and a line has one form.
package enum JSONText {
    /// A number with three decimals at most, which are milliseconds of a second.
    package static func number(_ number: Double) -> String {
        let thousandths = (number * 1_000).rounded()
        guard thousandths.magnitude < 9e15 else { return number.isFinite ? "\(number)" : "null" }
        let whole = Int64(thousandths)
        if whole % 1_000 == 0 { return "\(whole / 1_000)" }
        var digits = "\(whole.magnitude % 1_000)"
        digits = String(repeating: "0", count: 3 - digits.count) + digits
        while digits.last == "0" { digits.removeLast() }
        return (whole < 0 ? "-" : "") + "\(whole.magnitude / 1_000)." + digits
    }
}

extension String {
    /// Appends a text as a JSON string, control characters escaped.
    package mutating func appendJSONString(_ text: String) {
        append("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                append("\\u" + String(repeating: "0", count: 4 - hex.count) + hex)
            default: unicodeScalars.append(scalar)
            }
        }
        append("\"")
    }
}
