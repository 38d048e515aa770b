import Glibc

/// The rights of root that a process holds (capabilities(7)), of this thread: to be changed before
/// there is a second one.
package enum Capabilities {
    /// Those that renewal cannot do without, by the numbers of linux/capability.h.
    private static let needed: [(number: UInt64, name: String)] = [
        (0, "CHOWN"), (1, "DAC_OVERRIDE"), (3, "FOWNER"), (5, "KILL"), (6, "SETGID"), (7, "SETUID"),
    ]

    /// Kept where they are held: FSETID keeps a group's mark on what is copied, and SETPCAP takes
    /// the bounds from the agent.
    private static let useful: [UInt64] = [4, 8]

    /// _LINUX_CAPABILITY_VERSION_3.
    private static let version: UInt32 = 0x2008_0522

    /// The first that renewal needs and this process does not hold.
    static var missing: String? {
        let held = held()
        return needed.first { held & (UInt64(1) << $0.number) == 0 }?.name
    }

    /// Gives up all others.
    static func keepNeeded() -> Bool {
        let kept = (needed.map(\.number) + useful).reduce(UInt64(0)) { $0 | UInt64(1) << $1 }
        return set(held() & kept)
    }

    static func setNone() -> Bool { set(0) }

    /// Those in effect, a bit each.
    static func held() -> UInt64 {
        let header = [version, 0]
        // Effective, permitted and inheritable, the lower 32 of each and then the upper ones.
        var words = [UInt32](repeating: 0, count: 6)
        let result = header.withUnsafeBytes { header in
            words.withUnsafeMutableBytes { words in
                KernelCall.call(
                    KernelCall.Number.capget,
                    Int(bitPattern: header.baseAddress),
                    Int(bitPattern: words.baseAddress)
                )
            }
        }
        return result == 0 ? UInt64(words[0]) | UInt64(words[3]) << 32 : 0
    }

    private static func set(_ capabilities: UInt64) -> Bool {
        let header = [version, 0]
        let lower = UInt32(truncatingIfNeeded: capabilities)
        let upper = UInt32(truncatingIfNeeded: capabilities >> 32)
        let words = [lower, lower, 0, upper, upper, 0]
        return header.withUnsafeBytes { header in
            words.withUnsafeBytes { words in
                KernelCall.call(
                    KernelCall.Number.capset,
                    Int(bitPattern: header.baseAddress),
                    Int(bitPattern: words.baseAddress)
                ) == 0
            }
        }
    }
}
