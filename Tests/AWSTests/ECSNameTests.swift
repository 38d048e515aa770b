import AWS
import Testing

@Suite("Names of clusters and services")
struct ECSNameTests {
    private static let before = "arn:aws:ecs:eu-central-1:111122223333:"

    @Test(
        "a name and an ARN of the same thing have the same short name",
        arguments: [
            ("agents", .cluster, "agents"), (before + "cluster/agents", .cluster, "agents"),
            ("arn:aws-us-gov:ecs:us-gov-west-1:1:cluster/a_b-C", .cluster, "a_b-C"),
            ("pool", .service, "pool"), (before + "service/pool", .service, "pool"),
            (before + "service/agents/pool", .service, "pool"),
        ] as [(String, ECSName.Kind, String)]
    )
    func short(_ text: String, _ kind: ECSName.Kind, _ short: String) throws {
        let name = try #require(ECSName(text, kind))
        #expect(name.short == short)
        #expect(name.arn == (text.hasPrefix("arn:") ? text : nil))
    }

    @Test("a service's ARN names its cluster, except in accounts with the old form")
    func cluster() {
        #expect(ECSName(Self.before + "service/agents/pool", .service)?.cluster == "agents")
        #expect(ECSName(Self.before + "service/pool", .service)?.cluster == nil)
    }

    @Test(
        "what is neither a name nor an ARN of that kind is none",
        arguments: [
            ("", .cluster), ("a b", .cluster), ("a/b", .service), ("größe", .cluster),
            (before + "service/agents/pool", .cluster), (before + "cluster/agents", .service),
            (before + "cluster/", .cluster), (before + "cluster/a/b", .cluster),
            (before + "service/a/b/c", .service), (before + "cluster", .cluster),
            ("arn:aws:sqs:eu-central-1:1:cluster/agents", .cluster), ("arn:", .cluster),
            (String(repeating: "a", count: 256), .cluster),
        ] as [(String, ECSName.Kind)]
    )
    func refused(_ text: String, _ kind: ECSName.Kind) { #expect(ECSName(text, kind) == nil) }
}
