import AgentLink
import Testing

@testable import Renewal

@Suite("What decides in a renewal")
struct ValueTests {
    private static let agent = AgentIdentity(user: 1000, group: 1000, groups: [50], home: "/home/a")

    @Test("a user is found by name or number, with home and groups")
    func passwd() throws {
        let users = Array(
            "root:x:0:0::/root:/bin/sh\nbad\na:x:1000:1000:A, B:/home/a:/bin/sh\nn:x:7:8::\n".utf8
        )
        let groups = Array("root:x:0:\nstaff:x:50:b,a\nab:x:51:ab\n".utf8)
        for name in ["a", "1000"] {
            let found = try #require(AgentIdentity.find(name, users: users, groups: groups))
            #expect(
                found
                    == AgentIdentity(user: 1000, group: 1000, groups: [50, 1000], home: "/home/a")
            )
        }
        #expect(AgentIdentity.find("b", users: users, groups: groups) == nil)
        #expect(AgentIdentity.find("n", users: users, groups: groups)?.home == "/")
    }

    @Test("an identity travels as an argument, and nothing else is taken for one")
    func argument() {
        #expect(Self.agent.argument == "1000:1000:50")
        let read = AgentIdentity(argument: "1000:1000:50,7")
        #expect(read?.groups == [7, 50])
        #expect(AgentIdentity(argument: "1:2:")?.groups == [])
        for text in ["", "1", "1:2", "a:2:3", "1:2:3,x", "1:2:3:4", "-1:2:3", "1:2:,"] {
            let identity = AgentIdentity(argument: text)
            #expect(identity == nil || text == "1:2:,", "\(text)")
        }
    }

    @Test("owner, group, others and links are told apart by who may change them")
    func access() {
        func access(
            _ mode: UInt32,
            _ user: UInt32,
            _ group: UInt32,
            _ kind: FileStatus.Kind = .regular
        )
            -> WriteAccess
        {
            WriteAccess(
                FileStatus(kind: kind, permissions: mode, user: user, group: group),
                for: Self.agent
            )
        }
        #expect(access(0o400, 1000, 0) == .owner)
        #expect(access(0o755, 0, 1000) == .none)
        #expect(access(0o775, 0, 1000) == .writer)
        #expect(access(0o775, 0, 50) == .writer)
        #expect(access(0o775, 0, 60) == .listed)
        #expect(access(0o757, 0, 1000) == .writer)
        #expect(access(0o777, 0, 0, .link) == .none)
        #expect(access(0o777, 1000, 0, .link) == .owner)
        #expect(access(0o1777, 0, 0, .directory) == .writer)
    }

    /// An access list as the kernel gives it.
    private static func list(_ entries: [(tag: UInt8, rights: UInt8, id: UInt8)]) -> [UInt8] {
        [2, 0, 0, 0] + entries.flatMap { [$0.tag, 0, $0.rights, 0, $0.id, 0, 0, 0] }
    }

    @Test(
        "an access list grants by the user's number or a group's, and one that is not understood says so"
    )
    func accessList() {
        func isGranted(_ list: [UInt8]) -> Bool? { WriteAccess.isGranted(by: list, to: Self.agent) }
        let thousand: [UInt8] = [2, 0, 6, 0, 0xE8, 0x03, 0, 0]
        #expect(isGranted(Self.list([])) == false)
        #expect(isGranted([2, 0, 0, 0] + thousand) == true)
        #expect(isGranted(Self.list([(0x01, 7, 0), (0x08, 6, 50), (0x10, 7, 0)])) == true)
        #expect(isGranted(Self.list([(0x08, 5, 50), (0x08, 7, 51), (0x02, 7, 9)])) == false)
        #expect(isGranted(Self.list([(0x40, 7, 0)])) == nil)
        #expect(isGranted([3, 0, 0, 0]) == nil)
        #expect(isGranted([2, 0, 0, 0, 1]) == nil)
        #expect(isGranted([]) == nil)
    }

    @Test("a device counts unless it keeps nothing; a link's or socket's mode says nothing")
    func findings() {
        func finding(_ kind: FileStatus.Kind, _ device: FileStatus.Device? = nil, user: UInt32 = 0)
            -> Survey.Finding
        {
            var status = FileStatus(kind: kind, permissions: 0o666, user: user, group: 0)
            status.device = device
            return Survey.finding(status, Self.agent)
        }
        #expect(finding(.device, .init(major: 1, minor: 3)) == .foreign)
        #expect(finding(.device, .init(major: 1, minor: 1)) != .foreign)
        #expect(finding(.device, .init(major: 10, minor: 229)) != .foreign)
        #expect(finding(.device, .init(major: 1, minor: 3), user: 1000) != .foreign)
        #expect(finding(.socket) == .foreign)
        #expect(finding(.fifo) == .foreign)
        #expect(finding(.fifo, user: 1000) == .own)
        #expect(finding(.regular) == .own)
        #expect(finding(.link) == .foreign)
    }

    @Test("mounts are read with their escapes, and those that hold nothing are left out")
    func mounts() throws {
        let text = """
            21 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b
            22 21 0:21 / /proc rw,nosuid shared:5 - proc proc rw
            23 21 8:1 /x /a\\040b\\134\\012 rw master:1 shared:2 - ext4 /dev/vda rw
            24 21 8:1 /y /ro ro - ext4 /dev/vda rw
            25 21 8:1 /z /rofs rw - ext4 /dev/vda ro,data=ordered

            """
        let table = try #require(MountTable(parsing: Array(text.utf8)))
        #expect(table.mounts.count == 5)
        #expect(table.writable.map(\.id) == [21, 23])
        #expect(table.writable[1].point == EntryName("/a b\\\n"))
        for line in [
            "x", "21 1 0:20 / / rw overlay", "21 1 0:20 / /\\0 rw - a b rw",
            "a 1 0:1 / / rw - a b rw",
        ] {
            #expect(MountTable(parsing: Array(line.utf8)) == nil, "\(line)")
        }
    }

    @Test("a connection counts while it is the agent's or nobody's, unless all is sent")
    func sockets() {
        func count(_ lines: [String]) -> Int? {
            let header =
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
            return SocketTable.unfinished(
                Array((header + lines.joined(separator: "\n")).utf8),
                of: 1000
            )
        }
        func line(_ state: String, _ user: Int, _ inode: Int) -> String {
            "   0: 0100007F:1267 00000000:0000 \(state) 00000000:00000000 00:00000000 00000000  \(user)        0 \(inode) 1 0 100"
        }
        #expect(count([]) == 0)
        #expect(count([line("01", 0, 77), line("0A", 0, 78)]) == 0)
        #expect(count([line("01", 1000, 77)]) == 1)
        #expect(count([line("04", 0, 0), line("09", 0, 0), line("0B", 0, 0)]) == 3)
        #expect(count([line("06", 0, 0), line("05", 0, 0), line("03", 0, 0)]) == 0)
        #expect(count(["nonsense"]) == nil)
    }

    @Test("System V objects are the owner's and the maker's")
    func objects() {
        let table = Array(
            """
                   key      shmid perms       size  cpid  lpid nattch   uid   gid  cuid  cgid      atime
                     7          3   600    1048576     9     9      0  1000  1000  1000  1000          0
                     7          4   600    1048576     9     9      0     0     0  1000  1000          0
                     7          5   600    1048576     9     9      0     0     0     0  1000       1000

            """.utf8
        )
        #expect(SystemVObjects.numbers(table, column: "shmid", of: 1000) == [3, 4])
        #expect(SystemVObjects.numbers(table, column: "semid", of: 1000) == nil)
        #expect(SystemVObjects.numbers([], column: "shmid", of: 1000) == nil)
    }

    @Test("a process has four users, and one that does not say is a stranger")
    func users() {
        #expect(
            ProcessEnd.users(Array("Name:\tUid:\nUid:\t1\t2\t3\t4\nGid:\t5\n".utf8)) == [
                1, 2, 3, 4,
            ]
        )
        #expect(ProcessEnd.users(Array("Name:\tx\n".utf8)) == [.max])
        #expect(ProcessEnd.users(Array("Uid:\t1\n".utf8)) == [.max])
    }

    @Test("what is to be kept is said by absolute paths, none in another")
    func kept() {
        let kept = KeptDirectories(parsing: "/home/a/cache:/home/b")
        #expect(kept?.places.map(\.shown) == ["/home/a/cache", "/home/b"])
        for text in [
            "", "a", "/", "/a:", "/a/../b", "/a/", "//a", "/a/./b", "/a:/a/b", "/a/b:/a", "/a:/a",
        ] {
            #expect(KeptDirectories(parsing: text) == nil, "\(text)")
        }
    }

    @Test("every reason has a word of its own, fit for a line of the link")
    func reasons() {
        for reason in SpoilReason.allCases {
            #expect(reason.rawValue.allSatisfy { ("a"..."z").contains($0) })
        }
    }
}
