/// The rehearsal's only source of chance: SplitMix64, so that a printed seed repeats every choice
/// (which task a scale-in picks, what a run does), though not the timing of real processes.
struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

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
