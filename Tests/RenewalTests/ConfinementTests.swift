import Peers
import Testing

@testable import Renewal

@Suite("What a job's processes cannot do", .unsanitized, .timeLimit(.minutes(1)))
struct ConfinementTests {
    private static func python(_ text: String) -> String {
        "job:python3 - <<'EOF'\nimport ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
            + "def call(*a): return ctypes.get_errno() if libc.syscall(*a) < 0 else 'open'\n"
            + text + "\nEOF\n"
    }

    @Test("its user, groups and rights are as they should be, seen from inside")
    func identity() throws {
        let text = try Room.run([
            "prepare",
            "job:id -u; id -g; id -G; grep -E '^(NoNewPrivs|Seccomp|Cap...):' /proc/self/status;"
                + " ls /proc/self/fd | wc -l; grep -c 'queue size *0 *0 ' /proc/self/limits",
        ])
        let lines = text.split(whereSeparator: \.isNewline).map {
            $0.split(separator: "\t").joined(separator: " ")
        }
        let none = "0000000000000000"
        #expect(
            lines == [
                "prepared", "1000", "1000", "1000 50", "CapInh: \(none)", "CapPrm: \(none)",
                "CapEff: \(none)", "CapBnd: \(none)", "CapAmb: \(none)", "NoNewPrivs: 1",
                // The three, and that of the listing itself.
                "Seccomp: 2", "4", "1",
            ]
        )
    }

    @Test("it finds no gap of those that the launcher tries")
    func gaps() throws {
        let text = try Room.run(["prepare", "job:gap"])
        #expect(text.contains("gap: none"), "\(text)")
    }

    @Test("it cannot attach to the launcher, signal it, renice it or read it")
    func launcher() throws {
        let text = try Room.run([
            "prepare",
            Self.python(
                """
                for signal in [0, 9, 15, 19]:
                    try: os.kill(1, signal); print('signalled')
                    except PermissionError: pass
                for step in [lambda: os.setpriority(os.PRIO_PROCESS, 1, 10),
                    lambda: os.sched_setaffinity(1, {0}), lambda: open('/proc/1/mem', 'rb'),
                    lambda: open('/proc/1/environ', 'rb'), lambda: os.readlink('/proc/1/fd/1'),
                    lambda: open('/proc/1/oom_score_adj', 'w'),
                    lambda: os.listdir('/.agent-launcher'), lambda: os.listdir('/proc/1/root')]:
                    try: step(); print('open')
                    except PermissionError: pass
                print('attach', libc.ptrace(16, 1, 0, 0), libc.ptrace(0x4206, 1, 0, 0))
                """
            ),
            "renew",
        ])
        #expect(text.split(separator: "\n").prefix(2) == ["prepared", "attach -1 -1"], "\(text)")
        #expect(text.contains("\nrenewed in "), "\(text)")
    }

    @Test("the two ioctls that swap contents, keyrings, namespaces and io_uring are refused")
    func calls() throws {
        try #require(SystemCallFilter.machine == 0xC000_003E, "the numbers are those of x86-64")
        let text = try Room.run([
            "prepare",
            Self.python(
                """
                f = os.open('/home/tfc-agent/.profile', os.O_RDWR)
                room = ctypes.create_string_buffer(256)
                print([call(16, f, c, room) for c in (0xc028660f, 0xc0c0586d)])
                print([call(250, 0, -4, 0), call(248, b'user', b'x', b'y', 1, -4), call(249, b'user', b'x', 0, 0)])
                print([call(272, f) for f in (0x10000000, 0x20000, 0x80)], call(272, 0x400))
                print([call(56, f | 17, 0, 0, 0, 0) for f in (0x10000000, 0x20000000, 0x40000000)])
                print([call(435, room, 88), call(425, 4, room), call(308, f, 0)])
                print(call(0x40000000 | 39), libc.mq_open(b'/q', 0o102, 0o600, 0), ctypes.get_errno())
                """
            ),
        ])
        #expect(
            text.split(separator: "\n").dropFirst() == [
                "[1, 1]", "[1, 1, 1]", "[1, 1, 1] open", "[1, 1, 1]", "[38, 38, 1]", "38 -1 24",
            ],
            "\(text)"
        )
    }

    @Test("a program with root's mark stays the agent's")
    func marked() throws {
        let text = try Room.run(
            ["prepare", "job:/opt/id -u; rm -f /opt/id"],
            Room.Plan(image: "cp /usr/bin/id opt/id; chmod 4755 opt/id")
        )
        #expect(text.contains("\n1000\n") && text.contains("Permission denied"), "\(text)")
    }

    /// What the kernel does with the filter, for one call.
    private static func answer(_ number: Int, _ arguments: [UInt64], machine: UInt32) -> UInt32? {
        var words: [UInt32: UInt32] = [0: UInt32(number), 4: machine]
        for (place, argument) in arguments.enumerated() {
            words[16 + 8 * UInt32(place)] = UInt32(truncatingIfNeeded: argument)
        }
        var loaded: UInt32 = 0
        var place = 0
        while SystemCallFilter.program.indices.contains(place) {
            let step = SystemCallFilter.program[place]
            place += 1
            switch step.code {
            case 0x20: loaded = words[step.value] ?? 0
            case 0x06: return step.value
            case 0x15: place += Int(loaded == step.value ? step.ifTrue : step.ifFalse)
            case 0x45: place += Int(loaded & step.value != 0 ? step.ifTrue : step.ifFalse)
            case 0x35: place += Int(loaded >= step.value ? step.ifTrue : step.ifFalse)
            default: return nil
            }
        }
        return nil
    }

    @Test("the filter lets every other call through, whatever its arguments are")
    func filter() {
        typealias Number = KernelCall.Number
        let machine = SystemCallFilter.machine
        let refused: Set = [
            Number.clone3, Number.ioUringSetup, Number.setns, Number.keyctl, Number.addKey,
            Number.requestKey,
        ]
        let allowed: UInt32 = 0x7FFF_0000
        for number in 0..<600 {
            let answer = Self.answer(number, [17, 0x5401], machine: machine)
            #expect((answer == allowed) != refused.contains(number), "call \(number)")
        }
        #expect(Self.answer(Number.clone, [0x003D_0F00], machine: machine) == allowed)
        #expect(Self.answer(Number.unshare, [0x400], machine: machine) == allowed)
        // The kernel takes an ioctl's number as 32 bits, and so does the filter.
        let swap = 0xFFFF_FFFF_0000_0000 | UInt64(SystemCallFilter.contentSwaps[0])
        #expect(Self.answer(Number.ioctl, [3, swap], machine: machine) == 0x5_0001)
        #expect(Self.answer(Number.getdents64, [3], machine: 0x4000_0003) == 0x5_0026)
    }
}
