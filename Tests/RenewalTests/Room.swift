import Glibc
import Peers
import Testing

/// A container's inside, made by hand: mounts, processes, network and IPC of its own, an overlay as
/// its root, the machine's own programs read-only, and Docker's fourteen capabilities. In it the
/// trial program is the first process.
final class Room {
    /// How the root comes about.
    struct Plan {
        /// Shell that changes the image before the overlay is made of it, in its directory.
        var image = ""
        /// Shell that adds mounts; `$R` is the root.
        var mounts = ""
        /// Shell that mounts something over `$D/disk`, where the overlay keeps what is written.
        var disk = ""
        /// A directory of the machine's that the room has as /run/agent-link.
        var link = ""
        /// What root may do in the room beside what Docker lets it, as `,+name`.
        var capabilities = ""
    }

    /// A room's own steps failed.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Which makes the room: `room.sh` beside this file.
    private static let script =
        "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/") + "/room.sh"

    /// Runs steps in a room.
    ///
    /// - Returns: All that was printed there.
    static func run(_ steps: [String], _ plan: Plan = Plan()) throws -> String {
        let room = try Room(["/trial", "tfc-agent"] + steps, plan)
        let code = room.process.wait()
        guard code == 0 else { throw Failure(description: "exit \(code): \(room.output)") }
        return room.output
    }

    /// What runs as the room's first process, and the room with it.
    let process: TestProcess
    private let directory: String

    /// - Parameters:
    ///   - words: The first process, by its path in the room, and its arguments.
    ///   - plan: How the room comes about.
    init(_ words: [String], _ plan: Plan = Plan()) throws {
        try #require(
            Room.areThere,
            "this machine gives no namespaces: the test needs root and unshare(1)"
        )
        var template = Array("/tmp/renewal-test-XXXXXX".utf8CString)
        directory = try #require(mkdtemp(&template).map { String(cString: $0) })
        process = try TestProcess(
            [
                "unshare", "--mount", "--pid", "--ipc", "--net", "--fork", "--kill-child",
                Self.script, directory,
            ] + words,
            environment: [
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ROOM_DISK": plan.disk,
                "ROOM_IMAGE": plan.image, "ROOM_MOUNTS": plan.mounts, "ROOM_LINK": plan.link,
                "ROOM_CAPABILITIES": plan.capabilities,
                "ROOM_TRIAL": try TestProcess.built("renewal-trial"),
                "ROOM_LAUNCHER": try TestProcess.built("agent-launcher"),
            ],
            output: .file(directory + "/output")
        )
    }

    deinit {
        process.end()
        let removal = try? TestProcess(["rm", "-rf", directory], output: .descriptor(2))
        _ = removal?.wait()
    }

    /// All that was printed in it so far.
    var output: String {
        let file = open(directory + "/output", O_RDONLY)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(file, &piece, piece.count), count > 0 {
            bytes += piece.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let areThere: Bool = {
        guard getuid() == 0 else { return false }
        let words = ["unshare", "--mount", "--pid", "--ipc", "--net", "--fork", "true"]
        return (try? TestProcess(words, output: .descriptor(2)))?.wait() == 0
    }()
}

/// What tools that know nothing of renewal say of the tree.
enum Witness {
    /// Takes down what there is. Before anything was prepared.
    static let record =
        "root:cd /verify && \(look) > first && tar -cf first.tar \(tar) && echo recorded"

    /// Compares what there is with that.
    static let compare =
        "root:cd /verify && \(look) > again && diff first again && tar --compare -f first.tar \(tar)"
        + " && echo same"

    private static let places = "etc home opt root run tmp var"
    private static let tar =
        "-C / --numeric-owner --acls --xattrs --xattrs-include='*' --one-file-system \(places)"

    /// Kind, rights, owner, size, time, links of every file; contents; access lists; attributes; what
    /// is in memory, and IPC.
    private static let look =
        #"{ (cd / && find . -mindepth 1 -xdev \( -path ./verify -o -path ./.agent-launcher \) -prune"#
        + #" -o -type d -printf '%p %y %m %U %G %T@\n' -o -printf '%p %y %m %U %G %s %T@ %n %l\n' | sort;"#
        + #" find \#(places) -xdev -type f -exec sha256sum {} + | sort;"#
        + #" find \#(places) -xdev ! -type l -print0 | sort -z > /verify/names;"#
        + #" xargs -0 getfacl -n -p < /verify/names 2>&1;"#
        + #" xargs -0 getfattr -h -d -m - < /verify/names 2>&1;"#
        + #" find dev/shm dev/mqueue -printf '%p %y %m %U %G\n' | sort); cat /proc/sysvipc/*; }"#
}
