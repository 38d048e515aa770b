import Peers
import Seeded
import Testing

/// Jobs that nobody thought of: whatever a job does as the agent's user, the tree is the first one
/// again, say tools that know nothing of renewal.
@Suite("After any job the container is as it was", .unsanitized, .timeLimit(.minutes(10)))
struct RandomJobTests {
    /// Does so many things at random to whatever it finds, and lets each fail that may not be.
    private static let player = """
        import ctypes, mmap, os, random, signal, socket, sys, time
        seed, count = int(sys.argv[1]), int(sys.argv[2]); r = random.Random(seed)
        libc = ctypes.CDLL(None); signal.alarm(60)
        tops = ["/home/tfc-agent", "/tmp", "/var/tmp", "/dev/shm", "/opt/mine", "/opt/all", "/etc", "/"]
        def somewhere():
            place = r.choice(tops)
            while r.random() < 0.7:
                try: names = sorted(os.listdir(place))
                except OSError: break
                if not names: break
                place = os.path.join(place, r.choice(names))
            return place
        def fresh():
            name = r.choice(["a", "b\\n", "-f", "\\udcff", ".x", "long" * 60]) + str(r.randrange(9))
            return os.path.join(somewhere(), name)
        def write(path):
            with open(path, r.choice(["r+b", "wb"]), opener=lambda p, f: os.open(p, f | os.O_NONBLOCK)) as f: f.seek(r.randrange(9999)); f.write(b"evil")
        def mapped(path):
            f = os.open(path, os.O_RDWR | os.O_CREAT); os.ftruncate(f, 5000); m = mmap.mmap(f, 5000)
            m[r.randrange(4000)] = 7
        def deep(path):
            os.mkdir(path); os.chdir(path)
            for i in range(r.randrange(300)): os.mkdir("d"); os.chdir("d")
        def daemon():
            if os.fork() == 0:
                os.setsid()
                for s in range(1, 32):
                    try: signal.signal(s, signal.SIG_IGN)
                    except (OSError, ValueError): pass
                if r.random() < 0.5: os.kill(os.getpid(), signal.SIGSTOP)
                if r.random() < 0.5: os.fork()
                time.sleep(600); os._exit(0)
        def attribute(path):
            os.setxattr(path, r.choice(["user.a", "user.b"]), b"evil")
        def access(path):
            # An access list that lets a user of number 2000 write.
            entry = lambda tag, rights, id: tag.to_bytes(2, "little") + rights.to_bytes(2, "little") + id.to_bytes(4, "little")
            no = 0xffffffff
            value = (2).to_bytes(4, "little") + entry(1, 7, no) + entry(2, 7, 2000) + entry(4, 5, no) + entry(16, 7, no) + entry(32, 5, no)
            os.setxattr(path, "system.posix_acl_" + r.choice(["access", "default"]), value)
        def bound(path):
            s = socket.socket(socket.AF_UNIX); s.bind(path)
        acts = [
            lambda: write(somewhere()), lambda: write(fresh()), lambda: os.mkdir(fresh(), r.choice([0, 0o700, 0o777])),
            lambda: os.unlink(somewhere()), lambda: os.rmdir(somewhere()), lambda: os.rename(somewhere(), fresh()),
            lambda: os.rename(somewhere(), somewhere()), lambda: os.link(somewhere(), fresh()),
            lambda: os.symlink(somewhere(), fresh()), lambda: os.mkfifo(fresh()), lambda: bound(fresh()),
            lambda: os.chmod(somewhere(), r.choice([0, 0o444, 0o777, 0o4755, 0o2775, 0o1777])),
            lambda: os.utime(somewhere(), (r.randrange(10**9), r.randrange(10**9))),
            lambda: os.chown(somewhere(), -1, r.choice([50, 1000])), lambda: os.truncate(somewhere(), r.randrange(10**9)),
            lambda: attribute(somewhere()), lambda: access(somewhere()), lambda: mapped(fresh()), lambda: mapped(somewhere()),
            lambda: deep(fresh()), daemon, lambda: libc.shmget(r.randrange(9), 4096, 0o1600),
            lambda: libc.semget(r.randrange(9), 3, 0o1600), lambda: libc.msgget(r.randrange(9), 0o1600),
            lambda: os.mknod(fresh()), lambda: os.removexattr(somewhere(), "user.a"),
        ]
        done = 0
        for _ in range(count):
            try: r.choice(acts)(); done += 1
            except (OSError, ValueError): pass
        os.write(1, b"did %d\\n" % done)
        """

    private static let image = """
        mkdir -p opt/mine/sub opt/all; echo root > opt/mine/root; echo x > opt/mine/sub/x
        chown 1000:1000 opt/mine opt/mine/sub/x; chmod 1777 opt/all; mkfifo opt/mine/fifo
        setfacl -m u:2000:rw opt/mine/sub/x; setfattr -n user.b -v first opt/mine/sub/x
        """

    @Test("four rounds of three random jobs")
    func random() throws {
        let first = Option.seed ?? UInt64.random(in: 0..<1_000_000)
        for seed in first..<first + 4 {
            var chance = SeededRandom(seed: seed)
            let jobs = (0..<3).flatMap { _ in
                let acts = Int.random(in: 1...400, using: &chance)
                let number = UInt32.random(in: 0...(.max), using: &chance)
                return ["job:python3 /opt/player \(number) \(acts)", "renew", Witness.compare]
            }
            let image = Self.image + "\ncat > opt/player <<'EOF'\n\(Self.player)\nEOF\n"
            let text = try Room.run(
                [Witness.record, "prepare"] + jobs,
                Room.Plan(image: image)
            )
            let lines = text.split(separator: "\n")
            #expect(lines.count { $0 == "same" } == 3, "RENEWAL_SEED=\(seed): \(text)")
            #expect(
                lines.count { $0.hasPrefix("renewed in ") } == 3,
                "RENEWAL_SEED=\(seed): \(text)"
            )
            #expect(lines.count { $0.hasPrefix("did ") } == 3, "RENEWAL_SEED=\(seed): \(text)")
        }
    }
}
