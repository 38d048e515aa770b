package import Model

/// Numbers as people read them. By hand, since the libraries' formatters bring 44 MB of ICU.
package enum Numbers {
    /// With thousands apart: `1,234,567`.
    package static func whole(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return value < 0 ? "-" + text : text
    }

    /// With so many decimals.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        var scale = 1
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int((value.magnitude * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + whole(scaled) }
        let fraction = String(scaled % scale + scale).dropFirst()
        return sign + whole(scaled / scale) + "." + fraction
    }

    package static func percent(_ share: Double) -> String { fixed(share * 100, 0) + " %" }

    /// `8 s`, `2.5 min`, `1.3 h`.
    package static func time(_ milliseconds: Milliseconds) -> String {
        let seconds = Double(milliseconds) / 1_000
        if seconds < 99.5 { return fixed(seconds, 0) + " s" }
        if seconds < 5_940 { return fixed(seconds / 60, 1) + " min" }
        return fixed(seconds / 3_600, 1) + " h"
    }

    package static func dollars(_ value: Double) -> String {
        "$" + fixed(value, value < 0.1 ? 4 : value < 10 ? 3 : 2)
    }
}
