import AgentLink
import AgentLinkServer
import Glibc
import Testing

@Suite("The sidecar's end of the link", .timeLimit(.minutes(1)))
struct LinkServerTests {
    /// A server in a directory of its own, the next events, and raw clients.
    private final class Bench {
        let directory: String
        let server: LinkServer
        private var events: AsyncStream<LinkEvent>.Iterator
        private var clients: [Int32] = []

        init(isUnread: Bool = false) throws {
            var template = Array("/tmp/agent-link-test-XXXXXX".utf8CString)
            directory = try #require(mkdtemp(&template).map { String(cString: $0) })
            server = try LinkServer(directory: directory, isUnread: isUnread)
            events = server.events.makeAsyncIterator()
        }

        func next() async -> LinkEvent? {
            await events.next(isolation: #isolation)
        }

        func client() throws -> Int32 {
            let client = try UnixSocket.connect(to: Link.socketPath(in: directory))
            _ = fcntl(client, F_SETFL, 0)
            clients.append(client)
            return client
        }

        func say(_ text: String, _ client: Int32) {
            var bytes = Array(text.utf8)
            #expect(Descriptor.send(client, &bytes))
        }

        /// What the server sends, up to a number of bytes or the end.
        func hear(_ client: Int32, _ count: Int) -> String {
            var heard: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 4096)
            while heard.count < count {
                let got = read(client, &piece, piece.count)
                guard got > 0 else { break }
                heard += piece.prefix(got)
            }
            return String(decoding: heard, as: UTF8.self)
        }

        func hangUp(_ client: Int32) {
            close(client)
            clients.removeAll { $0 == client }
        }

        deinit {
            server.stop()
            for client in clients {
                close(client)
            }
            unlink(Link.socketPath(in: directory))
            rmdir(directory)
        }
    }

    @Test("a launcher's messages arrive in order, however they are cut, and answers reach it")
    func talks() async throws {
        let bench = try Bench()
        let client = try bench.client()
        #expect(await bench.next() == .connected)
        bench.say("hel", client)
        bench.say("lo 1\nstatus Waiting for next job\nexi", client)
        bench.say("ted 0\n", client)
        #expect(await bench.next() == .message(.hello(version: 1)))
        #expect(await bench.next() == .message(.status("Waiting for next job")))
        #expect(await bench.next() == .message(.exited(code: 0)))
        bench.server.send(.name("agent-1"))
        bench.server.send(.drain)
        bench.server.send(.release)
        let answer = "name agent-1\ndrain\nrelease\n"
        #expect(bench.hear(client, answer.utf8.count) == answer)
    }

    @Test("a malformed line is reported with its cause, and the connection goes on")
    func reportsMalformed() async throws {
        let bench = try Bench()
        let client = try bench.client()
        #expect(await bench.next() == .connected)
        bench.say("goodbye\n", client)
        bench.say("status " + String(repeating: "x", count: 100_000) + "\nstopping\n", client)
        #expect(await bench.next() == .malformed(.unknownWord("goodbye")))
        #expect(await bench.next() == .malformed(.tooLong(bytes: 100_008)))
        #expect(await bench.next() == .message(.stopping))
    }

    @Test("two sidecars for one task: the launcher stays with its own, and finds the other after")
    func twoSidecars() async throws {
        let bench = try Bench()
        let launcher = try bench.client()
        #expect(await bench.next() == .connected)
        // ECS has started a second one while the first was only frozen.
        let second = try LinkServer(directory: bench.directory)
        defer { second.stop() }
        var heard = second.events.makeAsyncIterator()
        bench.say("hello 1\n", launcher)
        #expect(await bench.next() == .message(.hello(version: 1)))
        bench.server.send(.drain)
        #expect(bench.hear(launcher, 6) == "drain\n")
        // The first one ends; its launcher comes back and finds the second.
        bench.server.stop()
        #expect(bench.hear(launcher, 1) == "")
        let again = try bench.client()
        #expect(await heard.next(isolation: #isolation) == .connected)
        bench.say("hello 1\ndrained\n", again)
        #expect(await heard.next(isolation: #isolation) == .message(.hello(version: 1)))
        #expect(await heard.next(isolation: #isolation) == .message(.drained))
    }

    @Test("a second client is turned away while the first one lives, which is not disturbed")
    func refusesSecondClient() async throws {
        let bench = try Bench()
        let first = try bench.client()
        #expect(await bench.next() == .connected)
        let second = try bench.client()
        #expect(await bench.next() == .refusedSecondClient)
        #expect(bench.hear(second, 1).isEmpty)
        bench.say("drained\n", first)
        #expect(await bench.next() == .message(.drained))
    }

    @Test(
        "once the launcher has connected as root nobody else can, also where a new sidecar listens",
        .enabled(if: getuid() == 0, "needs root")
    )
    func closesToOthers() async throws {
        let bench = try Bench()
        func rights() -> mode_t {
            var status = stat()
            _ = lstat(Link.socketPath(in: bench.directory), &status)
            return status.st_mode & 0o777
        }
        #expect(rights() == 0o666)
        _ = try bench.client()
        #expect(await bench.next() == .connected)
        #expect(rights() == 0o600)
        let successor = try LinkServer(directory: bench.directory)
        defer { successor.stop() }
        #expect(rights() == 0o600)
    }

    /// Where nobody had answered for 30 s the agent started alone.
    @Test(
        "a launcher that is root takes the place of a job that was first at a late sidecar",
        .enabled(if: getuid() == 0, "needs root")
    )
    func rootTakesOver() async throws {
        let bench = try Bench()
        try #require(chmod(bench.directory, 0o755) == 0)
        let path = Link.socketPath(in: bench.directory)
        let job = try start([
            "setpriv", "--reuid=65534", "--clear-groups", "perl", "-MIO::Socket::UNIX", "-e",
            "alarm 20; my $s = IO::Socket::UNIX->new($ARGV[0]) or exit 3; <$s>; exit 7", path,
        ])
        #expect(await bench.next() == .connected)
        let launcher = try bench.client()
        #expect(await bench.next() == .disconnected)
        #expect(await bench.next() == .connected)
        var status: Int32 = 0
        #expect(waitpid(job, &status, 0) == job)
        #expect((status >> 8) & 0xff == 7)
        bench.say("drained\n", launcher)
        #expect(await bench.next() == .message(.drained))
    }

    private func start(_ words: [String]) throws -> pid_t {
        var argv = words.map { strdup($0) } + [nil]
        defer { for word in argv { free(word) } }
        var pid: pid_t = 0
        try #require(posix_spawnp(&pid, words[0], nil, nil, &argv, environ) == 0)
        return pid
    }

    @Test("a launcher that comes back at once is taken, after all that it said before")
    func takesReturningClient() async throws {
        let bench = try Bench()
        for _ in 1...20 {
            // Fewer than may wait to be accepted.
            for turn in 1...5 {
                let client = try bench.client()
                bench.say("exited \(turn)\n", client)
                bench.hangUp(client)
            }
            for turn in 1...5 {
                #expect(await bench.next() == .connected)
                #expect(await bench.next() == .message(.exited(code: turn)))
                #expect(await bench.next() == .disconnected)
            }
        }
    }

    @Test("without a connection a message is dropped, not kept for the next one")
    func dropsWithoutConnection() async throws {
        let bench = try Bench()
        bench.server.send(.drain)
        let client = try bench.client()
        #expect(await bench.next() == .connected)
        bench.server.send(.release)
        #expect(bench.hear(client, 8) == "release\n")
    }

    @Test("sending never waits for a launcher that does not read; it is hung up on")
    func neverWaits() async throws {
        let bench = try Bench()
        _ = try bench.client()
        #expect(await bench.next() == .connected)
        let name = String(repeating: "n", count: 60_000)
        for _ in 0..<200 {
            bench.server.send(.name(name))
        }
        #expect(await bench.next() == .disconnected)
    }

    @Test("a launcher that talks faster than the sidecar listens is hung up on, not buffered")
    func boundsEvents() async throws {
        let bench = try Bench()
        let client = try bench.client()
        #expect(await bench.next() == .connected)
        signal(SIGPIPE, SIG_IGN)
        var bytes = Array(String(repeating: "stopping\n", count: 200_000).utf8)
        _ = Descriptor.send(client, &bytes)
        var count = 0
        while let event = await bench.next(), event != .disconnected {
            count += 1
        }
        #expect(count < 200_000)
    }

    @Test(
        "until somebody reads, questions are answered; all else is kept, and no more than is bounded"
    )
    func answersUnread() async throws {
        let bench = try Bench(isUnread: true)
        let client = try bench.client()
        bench.say("hello 1\nping 7\n", client)
        #expect(bench.hear(client, 7) == "pong 7\n")
        bench.server.takeOver()
        #expect(await bench.next() == .connected)
        #expect(await bench.next() == .message(.hello(version: 1)))
        // Now whoever reads is asked.
        bench.say("ping 8\n", client)
        #expect(await bench.next() == .message(.ping(8)))

        let flooded = try Bench(isUnread: true)
        let flood = try flooded.client()
        signal(SIGPIPE, SIG_IGN)
        var bytes = Array(String(repeating: "stopping\n", count: 200_000).utf8)
        _ = Descriptor.send(flood, &bytes)
        var count = 0
        while let event = await flooded.next(), event != .disconnected { count += 1 }
        #expect(count < 200_000)
    }

    @Test("a socket that a dead predecessor left is replaced; anybody may connect to the new one")
    func replacesStaleSocket() async throws {
        let bench = try Bench()
        bench.server.stop()
        while await bench.next() != nil {}
        let successor = try LinkServer(directory: bench.directory)
        defer { successor.stop() }
        var status = stat()
        #expect(stat(Link.socketPath(in: bench.directory), &status) == 0)
        #expect(status.st_mode & 0o777 == 0o666)
        var events = successor.events.makeAsyncIterator()
        _ = try bench.client()
        #expect(await events.next() == .connected)
    }

    @Test("stopping hangs up on the launcher and ends the events")
    func stops() async throws {
        let bench = try Bench()
        let client = try bench.client()
        #expect(await bench.next() == .connected)
        bench.server.stop()
        bench.server.stop()
        #expect(await bench.next() == .disconnected)
        #expect(await bench.next() == nil)
        #expect(bench.hear(client, 1).isEmpty)
        bench.server.send(.drain)
    }

    @Test("a directory that is missing or too long, or a file in the place, is refused in words")
    func refusesPlaces() throws {
        let long = "/tmp/" + String(repeating: "d", count: 93)
        #expect(throws: SocketFault.pathTooLong(path: long + "/link.sock")) {
            try LinkServer(directory: long)
        }
        #expect(
            SocketFault.pathTooLong(path: long + "/link.sock").description
                == "the socket path \(long)/link.sock has 108 bytes, where 107 are allowed"
        )
        let bench = try Bench()
        let missing = bench.directory + "/missing"
        #expect(
            throws: SocketFault.callFailed(
                call: "bind",
                path: missing + "/link.sock",
                errno: ENOENT
            )
        ) { try LinkServer(directory: missing) }
        #expect(mkdir(bench.directory + "/taken", 0o755) == 0)
        let file = bench.directory + "/taken/link.sock"
        close(creat(file, 0o644))
        #expect(throws: SocketFault.pathTaken(path: file)) {
            try LinkServer(directory: bench.directory + "/taken")
        }
        unlink(file)
        rmdir(bench.directory + "/taken")
    }
}
