import Glibc

/// What this run of the tests was asked for beside the usual.
enum Option {
    static let manyFiles = getenv("RENEWAL_MANY_FILES") != nil

    /// The seed of random jobs.
    static let seed: UInt64? = getenv("RENEWAL_SEED").flatMap { UInt64(String(cString: $0)) }
}
