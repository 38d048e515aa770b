import Glibc

/// A container's inside for a program that has to be the first process of one: mounts, processes and
/// IPC of its own, and a root that is made for it and gone with it. The network is this machine's, as
/// all containers of a task share one.
struct Enclosure: Sendable {
    /// An empty directory, over which the root is mounted where only the container sees it.
    var place: String
    /// The agent's user. Each container's is another one, since all share the machine's network.
    var user: UInt32
    /// Directories that are seen inside at the same path, read-only.
    var shown = Enclosure.machine()
    /// The program that `tfc-agent` in the agent's home executes.
    var agent: String
    /// The task definition's mounts: a path inside, and the directory.
    var mounts: [Mount] = []

    struct Mount: Sendable {
        var path: String
        var directory: String
        var isReadOnly: Bool
    }

    /// Where HashiCorp's image has its agent: a directory that the agent's user may write.
    static let programs = "/home/tfc-agent/bin"
    /// A directory in the agent's home that is there from the start.
    static let cache = "/home/tfc-agent/.cache"

    /// Makes the root, as Docker has it, and becomes the program there, with the rights that the module
    /// leaves to root in the agent's container. Ends with the thread that started it.
    private static let script = #"""
        set -eu
        PLACE=$1; AGENT_ID=$2; AGENT_FILE=$3; shift 3
        mount --make-rprivate /
        mount -t tmpfs -o mode=755 tmpfs "$PLACE"
        IMAGE=$PLACE/image; ROOT=$PLACE/root
        mkdir "$IMAGE" "$ROOT" "$PLACE/upper" "$PLACE/work"
        for name in dev etc home/tfc-agent/bin home/tfc-agent/.cache opt proc root run sys tmp var/tmp
        do mkdir -p "$IMAGE/$name"; done
        chmod 1777 "$IMAGE/tmp" "$IMAGE/var/tmp"; chmod 700 "$IMAGE/root"
        printf 'root:x:0:0::/root:/bin/sh\ntfc-agent:x:%s:%s::/home/tfc-agent:/bin/sh\n' \
            "$AGENT_ID" "$AGENT_ID" > "$IMAGE/etc/passwd"
        printf 'root:x:0:\ntfc-agent:x:%s:\n' "$AGENT_ID" > "$IMAGE/etc/group"
        printf '#!/bin/sh\nexec /opt/tfc-agent "$@"\n' > "$IMAGE/home/tfc-agent/bin/tfc-agent"
        touch "$IMAGE/opt/tfc-agent"
        chmod 755 "$IMAGE/home/tfc-agent/bin/tfc-agent"
        chown -R "$AGENT_ID:$AGENT_ID" "$IMAGE/home/tfc-agent"
        for name in bin sbin lib lib64
        do if [ -L "/$name" ]; then ln -s "$(readlink "/$name")" "$IMAGE/$name"; fi; done
        mount -t overlay overlay \
            -o "lowerdir=$IMAGE,upperdir=$PLACE/upper,workdir=$PLACE/work" "$ROOT"
        mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
        mknod -m 666 "$ROOT/dev/null" c 1 3; mknod -m 666 "$ROOT/dev/zero" c 1 5
        mknod -m 666 "$ROOT/dev/urandom" c 1 9
        mkdir "$ROOT/dev/shm"; mount -t tmpfs -o mode=1777,size=64m tmpfs "$ROOT/dev/shm"
        mount -t proc proc "$ROOT/proc"
        mount --bind "$AGENT_FILE" "$ROOT/opt/tfc-agent"
        mount -o remount,bind,ro "$ROOT/opt/tfc-agent"
        while [ "$1" != -- ]; do
            mkdir -p "$ROOT$1"; mount --bind "$2" "$ROOT$1"
            [ "$3" = rw ] || mount -o remount,bind,ro "$ROOT$1"
            shift 3
        done
        shift; cd /
        exec chroot "$ROOT" /usr/bin/setpriv --pdeathsig KILL --bounding-set=-all,+chown,\
        +dac_override,+fsetid,+fowner,+setgid,+setuid,+setpcap,+kill "$@"
        """#

    /// Another user for each container of each rehearsal of this machine.
    static func user(_ number: Int) -> UInt32 {
        1_000_000 + UInt32(getpid()) * 256 + UInt32(number % 256)
    }

    /// The shell that makes it, and in the end becomes the program.
    func arguments(_ path: String, _ rest: [String]) -> [String] {
        let all =
            shown.map { Mount(path: $0, directory: $0, isReadOnly: true) } + mounts
        return ["-c", Self.script, "enclosure", place, "\(user)", agent]
            + all.flatMap { [$0.path, $0.directory, $0.isReadOnly ? "ro" : "rw"] }
            + ["--", path] + rest
    }

    /// What the programs of this machine need that are executed inside, such as shells and libraries.
    static func machine() -> [String] {
        // Wherever this program's own libraries come from, those of the others do too.
        let libraries = (Leftovers.contents(of: "/proc/self/maps") ?? [])
            .split(separator: UInt8(ascii: "\n"))
            .compactMap { line -> String? in
                let path = line.drop { $0 != UInt8(ascii: "/") }
                guard let slash = path.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex,
                    String(decoding: path[slash...], as: UTF8.self).contains(".so")
                else { return nil }
                return String(decoding: path[..<slash], as: UTF8.self)
            }
        let system = ["/bin", "/sbin", "/lib", "/lib64"].filter(isDirectory)
        var found: [String] = []
        for folder in ["/usr"] + system + libraries
        where !found.contains(where: { folder == $0 || folder.hasPrefix($0 + "/") }) {
            found.append(folder)
        }
        return found
    }

    /// Not where it is a link to one.
    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    // MARK: Namespaces

    /// Namespaces of <linux/sched.h>, which Swift's `Glibc` module leaves out.
    private static let newMounts: Int32 = 0x0002_0000
    private static let newIPC: Int32 = 0x0800_0000
    private static let newProcesses: Int32 = 0x2000_0000

    /// Gives the calling thread mounts and IPC of its own, and has the next process that it starts be
    /// the first one of a PID namespace. The thread can start no other thread any more.
    static func enter() throws(SpawnError) {
        typealias Unshare = @convention(c) (Int32) -> Int32
        guard let function = dlsym(nil, "unshare") else {
            throw SpawnError(description: "this C library has no unshare")
        }
        let kinds = newMounts | newIPC | newProcesses
        guard unsafeBitCast(function, to: Unshare.self)(kinds) == 0 else {
            throw SpawnError(
                description: "no namespaces of its own: unshare: "
                    + String(cString: strerror(errno))
            )
        }
    }
}
