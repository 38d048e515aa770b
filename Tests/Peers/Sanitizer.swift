import Glibc
package import Testing

extension Trait where Self == ConditionTrait {
    /// Not where `Tests/sanitize` runs the tests: for what a process holds, or how soon it is done. A
    /// sanitizer keeps what was freed, maps terabytes for itself, and takes several times as long.
    package static var unsanitized: Self {
        .enabled(if: getenv("SANITIZING") == nil, "a sanitizer is at work")
    }
}
