import AWS
import Decisions
import Operators
import Ports
import Testing

/// A pool in which something of everything happens.
private func busyPool() throws -> PoolStatus {
    var world = PoolWorld()
    world.ledger.size = 4
    world.desired = 4
    let working = world.run("825a3582a1b2c3d4", 720)
    try world.announce("run-F1SAAc9aYX9YJuVs/plan", 660, task: working)
    _ = world.run("91ab0f3da1b2c3d4", 130)
    let leaving = world.run("5c1e22aaa1b2c3d4", 5_400, revision: 11)
    world.ledger.leaving[leaving] = Ledger.Reservation(
        since: PoolWorld.ago(61),
        kind: .surplus
    )
    _ = world.run("77aa0d1ca1b2c3d4", state: "PENDING", 1)
    try world.announce("run-aaaaaaaaaaaaaaaa/plan", 20)
    try world.announce("run-bbbbbbbbbbbbbbbb/apply", 15)
    try world.announce("run-cccccccccccccccc/plan", 5)
    world.deployments = [
        DeploymentDescription(
            DeploymentView(
                id: "ecs-svc/2",
                isPrimary: true,
                state: .inProgress,
                running: 2,
                pending: 1
            ),
            definition: "tfc-agents:12"
        ),
        DeploymentDescription(
            DeploymentView(id: "ecs-svc/1", isPrimary: false, state: .completed, running: 1),
            definition: "tfc-agents:11"
        ),
    ]
    let retired = world.stop("0001aaaaa1b2c3d4", 300)
    world.departed[retired] = Ledger.Departed(at: PoolWorld.ago(302), kind: .retired)
    _ = world.stop(
        "0002bbbba1b2c3d4",
        1_000,
        code: "UserInitiated",
        reason: "Task stopped by user",
        exitCode: 137
    )
    _ = world.stop(
        "0003cccca1b2c3d4",
        3_000,
        code: "TaskFailedToStart",
        reason: "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
            + "failed to resolve ref docker.io/hashicorp/tfc-agent:nil",
        ran: false,
        exitCode: nil
    )
    return try world.pool
}

@Suite("The pool, as it is shown")
struct PoolPageTests {
    @Test("a busy pool fits on a terminal of 80 columns, every part of it")
    func golden() throws {
        let text = try busyPool().page.text()
        #expect(text == Self.busy)
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    private static let busy = """
        tfc/tfc-agents                                              2026-11-26T02:35:03Z

        limits   desired 0, max 10, spare 0
        size     4, and 4 wanted: 1 work, 3 wait, 1 leave
        service  ACTIVE: desired 4, running 3, pending 1
        newest   tfc-agents:12, IN_PROGRESS, 2 running, 1 pending
        older    tfc-agents:11, COMPLETED, 1 running, 0 pending

        TASK      STATE    AGENT   SINCE  REV  JOB
        825a3582  RUNNING  works   11m    12   run-F1SAAc9aYX9YJuVs/plan
        91ab0f3d  RUNNING  no job  2m     12
        5c1e22aa  RUNNING  leaves  61s    11
        77aa0d1c  PENDING  starts  41s    12

        WAITING                     FOR  WHY
        run-aaaaaaaaaaaaaaaa/plan   20s  an agent without a job is there; it asks within
                                         30 s
        run-bbbbbbbbbbbbbbbb/apply  15s  an agent starts
        run-cccccccccccccccc/plan   5s   ECS has not started a task for it yet

        STARTED   CONNECTED  PULL BEGAN  PULLED    RAN
        77aa0d1c  + 10.0 s   -           -         -
        91ab0f3d  + 10.0 s   + 5.0 s     + 23.0 s  + 2.0 s
        825a3582  + 10.0 s   + 5.0 s     + 23.0 s  + 2.0 s
        5c1e22aa  + 10.0 s   + 5.0 s     + 23.0 s  + 2.0 s

        DEPARTED  AGO  HOW
        0001aaaa  5m   retired: the service shrank by one; agent exit code 0
        0002bbbb  16m  not booked; agent exit code 137; Task stopped by user

        START FAILED  AGO  WHY
        0003cccc      50m  CannotPullContainerError: pull image manifest has been
                           retried 1 time(s): failed to resolve ref
                           docker.io/hashicorp/tfc-agent:nil

        """

    @Test("a pool at rest is a few lines without empty tables")
    func rest() throws {
        var world = PoolWorld()
        world.ledger.size = 0
        world.desired = 0
        world.deployments = []
        #expect(try world.pool.page.text() == Self.resting)
    }

    private static let resting = """
        tfc/tfc-agents                                              2026-11-26T02:35:03Z

        limits   desired 0, max 10, spare 0
        size     0, and 0 wanted: 0 work, 0 wait
        service  ACTIVE: desired 0, running 0, pending 0

        """

    @Test("colours are escapes around the same text, and only where they are asked for")
    func colours() throws {
        let page = try busyPool().page
        let colored = page.text(isColored: true)
        #expect(colored.contains("\u{1B}[32mworks"))
        #expect(!page.text().contains("\u{1B}"))
        #expect(colored.replacing(/\u{1B}\[[0-9]+m/, with: "") == page.text())
    }

    @Test("what cannot be read is said in its place, and nothing is made up for it")
    func unknown() {
        let pool = PoolStatus(
            place: ECSPlace(cluster: "tfc", service: "tfc-agents"),
            at: PoolWorld.now,
            ledger: nil,
            service: nil,
            live: [TaskDescription(id: TaskID("825a3582a1b2c3d4"))],
            stopped: nil,
            unknown: ["the ledger: dynamodb Query: denied, AccessDeniedException: no"]
        )
        let text = pool.page.text()
        #expect(text.contains("825a3582  ?"))
        #expect(text.contains("! cannot tell: the ledger: dynamodb Query: denied"))
        #expect(!text.contains("size"))
        #expect(pool.concerns.isEmpty)
    }

    @Test("in HTML every text is escaped, whoever wrote it")
    func html() throws {
        var world = PoolWorld()
        world.events = [
            ServiceMessage(
                at: PoolWorld.ago(5),
                text: "(service tfc-agents) was unable to place a task. Reason: <b a=\"'\">&."
            )
        ]
        let html = try world.pool.page.html
        #expect(html.contains("Reason: &lt;b a=&quot;&#39;&quot;&gt;&amp;."))
        #expect(!html.contains("<b a="))
        #expect(html.contains("<td>desired 0, max 10, spare 0</td>"))
    }

    @Test("as JSON it is one line, with full ids and names that never change")
    func json() throws {
        let json = try busyPool().json
        #expect(!json.contains("\n"))
        for part in [
            #""job":"run-cccccccccccccccc/plan","reason":{"code":"not_begun""#,
            #""task":"825a3582a1b2c3d4""#, #""does":"leaves_as_surplus""#,
            #""at":"2026-11-26T02:35:03Z""#, #""kind":"retired""#,
        ] {
            #expect(json.contains(part), "\(part)")
        }
    }
}
