import Rules
import Seeded

/// The rehearsal's only source of chance: a printed seed repeats every choice (which task a scale-in
/// picks, what a run does), though not the timing of real processes.
extension SeededRandom {
    /// Lower-case hexadecimal text of `length` characters.
    mutating func hex(_ length: Int) -> String {
        let digits = Array("0123456789abcdef")
        return String((0..<length).map { _ in digits[Int(next() % 16)] })
    }

    /// Text in the style of HCP Terraform's ids: `prefix-` and 16 letters or digits.
    mutating func id(_ prefix: String) -> String {
        let signs = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
        return prefix + "-"
            + String((0..<16).map { _ in signs[Int(next() % UInt64(signs.count))] })
    }
}

extension SecretKind {
    /// A new secret: the mark and `length` random hexadecimal digits.
    func make(_ length: Int = 40, from random: inout SeededRandom) -> String {
        mark + random.hex(length)
    }

    /// A secret that nobody can guess, for where others than this machine can call: not of the seed.
    func random() -> String {
        var system = SystemRandomNumberGenerator()
        return mark + (0..<3).map { _ in String(system.next(), radix: 16) }.joined()
    }
}
