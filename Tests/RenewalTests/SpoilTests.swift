import Peers
import Testing

@Suite("What cannot be shown to be clean is spoiled", .unsanitized, .timeLimit(.minutes(5)))
struct SpoilTests {
    @Test("more entries than the bound says")
    func entries() throws {
        let text = try Room.run([
            "entries:100", "prepare", "job:cd /tmp; for i in $(seq 200); do : > $i; done", "renew",
        ])
        #expect(text.contains("spoiled entries: "), "\(text)")
    }

    @Test("more time than the bound says")
    func time() throws {
        let text = try Room.run([
            "milliseconds:80", "prepare",
            "job:python3 -c 'import os\nfor i in range(30000): os.mknod(f\"/tmp/{i}\")'",
            "renew",
        ])
        #expect(text.contains("spoiled time: "), "\(text)")
    }

    @Test("a process that somebody from outside has started")
    func stranger() throws {
        let text = try Room.run(["prepare", "root:setsid sleep 600 & true", "job:true", "renew"])
        #expect(text.contains("spoiled stranger: "), "\(text)")
    }

    @Test("another mount than at the start")
    func mounts() throws {
        // Only somebody from outside could.
        let text = try Room.run(
            ["prepare", "root:mount -t tmpfs tmpfs /opt", "job:true", "renew"],
            Room.Plan(capabilities: ",+sys_admin")
        )
        #expect(text.contains("spoiled mounts: "), "\(text)")
    }

    /// A connection of a daemon's that has sent more than the other end takes.
    private static let sender = """
        job:python3 - <<'EOF'
        import os, socket, time
        l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
        c = socket.create_connection(l.getsockname()); s, _ = l.accept(); c.setblocking(False)
        try:
            while True: c.send(b'x' * 65536)
        except BlockingIOError: pass
        if os.fork() == 0: os.setsid(); time.sleep(600)
        EOF
        """

    @Test("a connection that still has something to send, when its process is gone")
    func connections() throws {
        let text = try Room.run(
            [
                "milliseconds:300", "root:ip link set lo up", "prepare", Self.sender,
                "root:ip link set lo down", "renew",
            ],
            Room.Plan(capabilities: ",+net_admin")
        )
        #expect(text.contains("spoiled connections: "), "\(text)")
    }

    @Test("but not a connection that ends with its process")
    func endedConnections() throws {
        let text = try Room.run(
            ["root:ip link set lo up", "prepare", Self.sender, "renew"],
            Room.Plan(capabilities: ",+net_admin")
        )
        #expect(text.contains("\nrenewed in "), "\(text)")
    }

    @Test("a file of the user's outside all that was found at the start")
    func remains() throws {
        let text = try Room.run([
            "prepare", "root:echo evil > /opt/x; chown 1000 /opt/x", "job:true", "renew",
        ])
        #expect(text.contains("spoiled remains: "), "\(text)")
    }
}
