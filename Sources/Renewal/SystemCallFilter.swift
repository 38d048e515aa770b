/// What a job's processes may not ask of the kernel, as a program for seccomp(2).
enum SystemCallFilter {
    /// An instruction of classic BPF (linux/filter.h).
    struct Instruction: Equatable, Sendable {
        var code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        var value: UInt32

        static func load(_ offset: UInt32) -> Instruction {
            Instruction(code: 0x20, value: offset)
        }

        static func answer(_ value: UInt32) -> Instruction { Instruction(code: 0x06, value: value) }

        /// Goes on if the loaded word is this one, and skips so many instructions otherwise.
        static func unless(_ value: UInt32, skip: Int) -> Instruction {
            Instruction(code: 0x15, ifFalse: UInt8(skip), value: value)
        }

        /// Skips so many instructions if the loaded word is this one.
        static func skip(_ count: Int, if value: UInt32) -> Instruction {
            Instruction(code: 0x15, ifTrue: UInt8(count), value: value)
        }

        /// Goes on if the loaded word has any of these bits, and skips so many otherwise.
        static func unlessAny(_ bits: UInt32, skip: Int) -> Instruction {
            Instruction(code: 0x45, ifFalse: UInt8(skip), value: bits)
        }

        /// Skips so many instructions if the loaded word is as great as this one.
        static func unlessBelow(_ value: UInt32, skip: Int) -> Instruction {
            Instruction(code: 0x35, ifFalse: UInt8(skip), value: value)
        }
    }

    private enum Answer {
        static let allow: UInt32 = 0x7FFF_0000
        private static let error: UInt32 = 0x0005_0000
        static let notPermitted = error | 1
        static let unknownCall = error | 38
    }

    /// Where the kernel puts what was asked (struct seccomp_data).
    private enum Offset {
        static let number: UInt32 = 0
        static let machine: UInt32 = 4
        /// The lower half of an argument, on machines that begin with it.
        static func argument(_ place: UInt32) -> UInt32 { 16 + 8 * place }
    }

    #if arch(arm64)
        static let machine: UInt32 = 0xC000_00B7
    #else
        static let machine: UInt32 = 0xC000_003E
    #endif

    /// Each kind of namespace that clone(2) and unshare(2) make.
    static let namespaces: UInt32 = 0x7E02_0000
    /// The same, and that of time, whose bit means another thing to clone(2).
    static let namespacesOfUnshare: UInt32 = 0x7E02_0080
    /// XFS_IOC_SWAPEXT and EXT4_IOC_MOVE_EXT: they change what a file holds, and none of its times.
    static let contentSwaps: [UInt32] = [0xC0C0_586D, 0xC028_660F]

    /// The whole program.
    static let program: [Instruction] = {
        typealias Number = KernelCall.Number
        var program: [Instruction] = [
            .load(Offset.machine), .skip(1, if: machine), .answer(Answer.unknownCall),
            .load(Offset.number),
        ]
        #if !arch(arm64)
            // The same machine's calls with short pointers have numbers of their own.
            program += [.unlessBelow(0x4000_0000, skip: 1), .answer(Answer.unknownCall)]
        #endif
        // Its arguments lie in memory, where no filter sees them: who asks falls back to clone.
        program += refuse(Number.clone3, Answer.unknownCall)
        // What it has begun may end after its process.
        program += refuse(Number.ioUringSetup, Answer.unknownCall)
        for number in [Number.setns, Number.keyctl, Number.addKey, Number.requestKey] {
            program += refuse(number, Answer.notPermitted)
        }
        program += [
            .unless(UInt32(Number.unshare), skip: 4), .load(Offset.argument(0)),
            .unlessAny(namespacesOfUnshare, skip: 1), .answer(Answer.notPermitted),
            .answer(Answer.allow),
            .unless(UInt32(Number.clone), skip: 4), .load(Offset.argument(0)),
            .unlessAny(namespaces, skip: 1), .answer(Answer.notPermitted), .answer(Answer.allow),
            .unless(UInt32(Number.ioctl), skip: 5), .load(Offset.argument(1)),
            .skip(2, if: contentSwaps[0]), .skip(1, if: contentSwaps[1]), .answer(Answer.allow),
            .answer(Answer.notPermitted),
            .answer(Answer.allow),
        ]
        return program
    }()

    private static func refuse(_ number: Int, _ answer: UInt32) -> [Instruction] {
        [.unless(UInt32(number), skip: 1), .answer(answer)]
    }
}
