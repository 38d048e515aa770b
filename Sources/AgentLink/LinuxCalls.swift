/// Calls that glibc has and Swift's Glibc module leaves out, since it shows only what is declared
/// without `_GNU_SOURCE`. Integers and pointers are passed alike by Swift and C here.

/// The first place of `needle` in `haystack` (memmem(3)): several gigabytes a second, where a loop
/// over bytes would make the scanner the slowest part of the launcher.
@_silgen_name("memmem")
func memmem(
    _ haystack: UnsafeRawPointer,
    _ haystackCount: Int,
    _ needle: UnsafeRawPointer,
    _ needleCount: Int
) -> UnsafeMutableRawPointer?

/// The last place of a byte (memrchr(3)).
@_silgen_name("memrchr")
func memrchr(
    _ bytes: UnsafeRawPointer,
    _ byte: Int32,
    _ count: Int
) -> UnsafeMutableRawPointer?
