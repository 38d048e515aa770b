import Peers
import Testing

@testable import Renewal

@Suite("Where renewal would prove nothing it is not offered", .unsanitized, .timeLimit(.minutes(1)))
struct ObstacleTests {
    private static let plans: [(String, Room.Plan, String)] = [
        (
            "a volume that the agent may write, with something in it",
            Room.Plan(mounts: "mkdir $R/v; mount -t tmpfs -o mode=1777 x $R/v; echo x > $R/v/old"),
            "/v can be written to by the agent and holds old"
        ),
        (
            "a volume of the agent's own",
            Room.Plan(mounts: "mkdir $R/v; mount -t tmpfs -o uid=1000 x $R/v"),
            "/v is a mount that the agent's user owns or may change"
        ),
        (
            "a volume with a file of the agent's",
            Room.Plan(
                mounts:
                    "mkdir $R/v; mount -t tmpfs -o mode=755 x $R/v; echo x > $R/v/f; chown 1000 $R/v/f"
            ),
            "f on a volume is the agent's, or for the agent to write"
        ),
        (
            "a mount within the home",
            Room.Plan(mounts: "mount -t tmpfs x $R/home/tfc-agent/.cache"),
            ".cache is a mount"
        ),
        (
            "a root that the agent may write", Room.Plan(mounts: "chmod 777 $R"),
            "/ is a mount that the agent's user owns or may change"
        ),
        (
            "a file with two names",
            Room.Plan(image: "ln home/tfc-agent/.profile home/tfc-agent/two"),
            "has several names"
        ),
        (
            "a file with a capability",
            Room.Plan(image: "setcap cap_kill+ep home/tfc-agent/bin/tfc-agent"),
            "tfc-agent has the attribute security.capability"
        ),
        (
            "a device that the agent may write",
            Room.Plan(mounts: "mknod -m 666 $R/dev/fuse c 10 229"),
            "fuse is a device that the agent's user may write to"
        ),
        (
            "a container that was used", Room.Plan(image: "mkdir -m 700 .agent-launcher"),
            "used before"
        ),
    ]

    @Test("with a reason that says what to change", arguments: plans)
    func obstacles(_ what: String, _ plan: Room.Plan, _ reason: String) throws {
        let text = try Room.run(["prepare"], plan)
        #expect(text.hasPrefix("impossible: ") && text.contains(reason), "\(what): \(text)")
    }

    @Test("beside a process that runs already")
    func process() throws {
        let text = try Room.run(["root:setsid sleep 600 & true", "prepare"])
        #expect(text.contains("impossible: process") && text.contains("already"), "\(text)")
    }

    @Test(
        "where something is to be kept that could not be put back",
        arguments: [
            "/opt/x", "/home/tfc-agent", "/home/tfc-agent/new/x", "/home/tfc-agent/.bashrc/x",
        ]
    )
    func misplaced(_ path: String) throws {
        let text = try Room.run(["keep:\(path)", "prepare"])
        #expect(text.contains("impossible: \(path) is to be kept"), "\(text)")
    }

    @Test("where the agent's user has System V objects")
    func objects() throws {
        let text = try Room.run(["job:ipcmk -Q > /dev/null", "prepare"])
        #expect(text.contains("impossible: the agent's user has System V objects"), "\(text)")
    }

    @Test("where root lacks a right that it needs")
    func capability() throws {
        let text = try Room.run(["prepare"], Room.Plan(capabilities: ",-chown"))
        #expect(text.contains("lacks the capability CHOWN"), "\(text)")
    }

    @Test("with a volume that is root's alone, or read-only, it is offered")
    func harmless() throws {
        let text = try Room.run(
            ["prepare", "job:echo x > /v/x; echo x > /w/x", "renew"],
            Room.Plan(
                mounts: "mkdir $R/v $R/w; mount -t tmpfs -o mode=755 x $R/v; echo x > $R/v/f;"
                    + " mount -t tmpfs -o uid=1000 x $R/w; echo x > $R/w/f; mount -o remount,ro $R/w"
            )
        )
        #expect(text.contains("prepared") && text.contains("renewed in "), "\(text)")
    }
}
