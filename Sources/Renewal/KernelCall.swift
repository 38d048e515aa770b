import Glibc

/// syscall(2) takes its arguments from a variable list, which on Linux's 64 bit machines travel like
/// any others.
@_silgen_name("syscall")
private func syscall(_ number: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int, _ e: Int) -> Int
@_silgen_name("prctl")
private func prctl(_ option: Int32, _ a: UInt, _ b: UInt, _ c: UInt, _ d: UInt) -> Int32
/// Declared by glibc for GNU programs only.
@_silgen_name("setresuid")
func setresuid(_ real: UInt32, _ effective: UInt32, _ saved: UInt32) -> Int32
@_silgen_name("setresgid")
func setresgid(_ real: UInt32, _ effective: UInt32, _ saved: UInt32) -> Int32
@_silgen_name("copy_file_range")
func copy_file_range(
    _ input: Int32,
    _ from: UnsafeMutablePointer<Int>,
    _ output: Int32,
    _ to: UnsafeMutablePointer<Int>,
    _ count: Int,
    _ flags: UInt32
) -> Int

/// <sys/xattr.h>, which Swift's Glibc module leaves out.
@_silgen_name("flistxattr")
func flistxattr(_ file: Int32, _ list: UnsafeMutablePointer<CChar>?, _ size: Int) -> Int
@_silgen_name("fgetxattr")
func fgetxattr(
    _ file: Int32,
    _ name: UnsafePointer<CChar>,
    _ value: UnsafeMutablePointer<UInt8>,
    _ size: Int
) -> Int
@_silgen_name("lgetxattr")
func lgetxattr(
    _ path: UnsafePointer<CChar>,
    _ name: UnsafePointer<CChar>,
    _ value: UnsafeMutablePointer<UInt8>,
    _ size: Int
) -> Int
@_silgen_name("fremovexattr")
func fremovexattr(_ file: Int32, _ name: UnsafePointer<CChar>) -> Int32
@_silgen_name("fsetxattr")
func fsetxattr(
    _ file: Int32,
    _ name: UnsafePointer<CChar>,
    _ value: UnsafePointer<UInt8>,
    _ size: Int,
    _ flags: Int32
) -> Int32

/// Calls that glibc or Swift's module of it leaves out, or that glibc does for all threads where one
/// is meant. Negative with errno, as all calls.
enum KernelCall {
    /// The numbers of this machine's system calls (asm/unistd.h).
    enum Number {
        #if arch(arm64)
            static let getdents64 = 61
            static let statx = 291
            static let capget = 90
            static let capset = 91
            static let setresuid = 147
            static let ioctl = 29
            static let unshare = 97
            static let clone = 220
            static let setns = 268
            static let keyctl = 219
            static let addKey = 217
            static let requestKey = 218
            static let msgctl = 187
            static let semctl = 191
            static let shmctl = 195
        #else
            static let getdents64 = 217
            static let statx = 332
            static let capget = 125
            static let capset = 126
            static let setresuid = 117
            static let ioctl = 16
            static let unshare = 272
            static let clone = 56
            static let setns = 308
            static let keyctl = 250
            static let addKey = 248
            static let requestKey = 249
            static let msgctl = 71
            static let semctl = 66
            static let shmctl = 31
        #endif
        static let clone3 = 435
        static let closeRange = 436
        static let ioUringSetup = 425
    }

    static func call(
        _ number: Int,
        _ a: Int = 0,
        _ b: Int = 0,
        _ c: Int = 0,
        _ d: Int = 0,
        _ e: Int = 0
    )
        -> Int
    {
        syscall(number, a, b, c, d, e)
    }

    static func control(_ option: Int32, _ a: UInt = 0, _ b: UInt = 0) -> Int32 {
        prctl(option, a, b, 0, 0)
    }

    /// Entries of an open directory, as the kernel lays them out; 0 at its end.
    static func entries(_ directory: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
        syscall(
            Number.getdents64,
            Int(directory),
            Int(bitPattern: buffer.baseAddress),
            buffer.count,
            0,
            0
        )
    }

    /// Changes the effective user of this thread alone; the saved one stays and allows the way back.
    static func setEffectiveUser(_ user: UInt32) -> Bool {
        syscall(Number.setresuid, -1, Int(user), -1, 0, 0) == 0
    }

    /// Milliseconds of the monotonic clock.
    static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    static func pause(microseconds: Int) {
        var time = timespec(tv_sec: 0, tv_nsec: microseconds * 1000)
        nanosleep(&time, nil)
    }

    /// The whole of a file of /proc or /etc; nil if it cannot be read or is larger than the bound.
    static func contents(_ path: String, bound: Int = 64 << 20) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var isWhole = false
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { buffer in
            while bytes.count <= bound {
                let count = read(file, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                isWhole = count == 0
                guard count > 0 else { return }
                bytes += UnsafeRawBufferPointer(rebasing: buffer[..<count])
            }
        }
        return isWhole ? bytes : nil
    }
}
