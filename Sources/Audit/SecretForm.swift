/// Forms by which some secrets are known, whoever made them. A key for HMAC has none.
enum SecretForm {
    /// - Returns: what kind of secret a text shows; nil for none of those that have a form.
    static func found(in text: Substring) -> String? {
        // HCP Terraform's tokens, those of agents too ("API tokens").
        if text.contains(".atlasv1.") { return "a token of HCP Terraform" }
        if text.contains("/api/v2/task-results/") { return "a run task's callback URL" }
        return holdsAccessKey(text) ? "an access key of AWS" : nil
    }

    /// IAM's ids of keys: a prefix and sixteen characters ("IAM identifiers", unique id prefixes).
    private static func holdsAccessKey(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        return ["AKIA", "ASIA"].contains { prefix in
            var rest = bytes[...]
            while let place = rest.firstRange(of: Array(prefix.utf8)) {
                rest = rest[place.upperBound...]
                let isAlone = place.lowerBound == 0 || !isKeyByte(bytes[place.lowerBound - 1])
                if isAlone, rest.prefix(while: isKeyByte).count == 16 { return true }
            }
            return false
        }
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
