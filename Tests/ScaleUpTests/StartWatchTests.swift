import Decisions
import Ports
import Telemetry
import Testing

@testable import ScaleUp

@Suite("Start watch")
struct StartWatchTests {
    private static let pull = "CannotPullContainerError: failed to resolve ref: pull access denied"
    private static let quota =
        "(service a) was unable to place a task. Reason: You've reached the limit on the number of "
        + "vCPUs you can run concurrently."

    private static func at(_ seconds: Int) -> WallTime {
        WallTime(milliseconds: 1_700_000_000_000 + seconds * 1_000)
    }

    private static func news(
        stopped: [(String, at: Int)] = [],
        events: [(String, at: Int)] = []
    ) -> StartNews {
        StartNews(
            events: events.map { StartNews.Event(at: at($0.at), text: $0.0) },
            stopped: stopped.map {
                StartNews.StoppedTask(
                    TaskID($0.0),
                    code: "TaskFailedToStart",
                    reason: pull,
                    at: at($0.at)
                )
            }
        )
    }

    @Test("each failure is told once, by whichever sweep sees it first")
    func once() {
        var watch = StartWatch()
        let first = Self.news(stopped: [("t1", at: 0)], events: [(Self.quota, at: 1)])
        #expect(
            watch.take(first, at: Self.at(10)).map(\.obstacle) == [.imageRefused, .cpuQuota]
        )
        #expect(watch.take(first, at: Self.at(70)).isEmpty)
        let second = Self.news(
            stopped: [("t1", at: 0), ("t2", at: 60)],
            events: [(Self.quota, at: 1), (Self.quota, at: 65)]
        )
        #expect(watch.take(second, at: Self.at(70)).map(\.task?.text) == ["t2", nil])
    }

    @Test("what was over long before the first look is not told, and hinders nobody")
    func old() {
        var watch = StartWatch()
        #expect(watch.take(Self.news(stopped: [("t1", at: 0)]), at: Self.at(3_000)).isEmpty)
        #expect(watch.obstacle(at: Self.at(3_000)) == nil)
    }

    @Test("the newest failure is what hinders starts, until two sweeps have seen no other")
    func newest() {
        var watch = StartWatch()
        let news = Self.news(stopped: [("t1", at: 5)], events: [(Self.quota, at: 1)])
        _ = watch.take(news, at: Self.at(10))
        #expect(watch.obstacle(at: Self.at(10)) == .imageRefused)
        #expect(watch.obstacle(at: Self.at(154)) == .imageRefused)
        #expect(watch.obstacle(at: Self.at(155)) == nil)
        watch.settle()
        #expect(watch.obstacle(at: Self.at(10)) == nil)
        #expect(watch.take(news, at: Self.at(20)).isEmpty)
    }

    @Test("a line for each obstacle counts its starts, with ECS's words shortened")
    func lines() {
        let long = String(repeating: "x", count: 900)
        let starts = [
            FailedStart(obstacle: .cpuQuota, cause: "a", task: nil, at: Self.at(1)),
            FailedStart(obstacle: .imageRefused, cause: "b", task: TaskID("t1"), at: Self.at(1)),
            FailedStart(obstacle: .imageRefused, cause: long, task: TaskID("t2"), at: Self.at(2)),
        ]
        let records = FailedStart.records(starts)
        #expect(records.map(\.fields[.reasonName]) == ["cpu_quota", "image_refused"])
        #expect(records.map(\.measured) == [[.startsFailed: 1], [.startsFailed: 2]])
        #expect(records[1].fields[.cause]?.text.count == 500)
        #expect(records[1].fields[.task] == "t2")
        #expect(records[1].message == "agents cannot start: the image cannot be pulled")
    }

    @Test("the run's page says how many agents cannot start, and why")
    func sentence() {
        let count = Headcount(size: 3, maxCount: 10, running: 1, obstacle: .imageRefused)
        #expect(count.sentence == "3 of 10 agents, 2 cannot start: the image cannot be pulled")
        let all = Headcount(size: 3, maxCount: 10, running: 3, obstacle: .imageRefused)
        #expect(all.sentence == "3 of 10 agents")
    }
}
