extension [UInt8] {
    /// Where `needle` begins, or `nil`.
    func firstIndex(ofSequence needle: [UInt8]) -> Int? {
        guard count >= needle.count else { return nil }
        return (0...(count - needle.count)).first { start in
            self[start..<(start + needle.count)].elementsEqual(needle)
        }
    }
}
