import Glibc
package import Testing

extension Trait where Self == ConditionTrait {
    /// Not where `Tests/sanitize` runs the tests: for what a process holds, how soon it is done, and what
    /// it does in a container made by hand. A sanitizer keeps what was freed, maps terabytes for itself,
    /// takes several times as long, and needs libraries that no such container has.
    package static var unsanitized: Self {
        .enabled(if: getenv("SANITIZING") == nil, "a sanitizer is at work")
    }
}
