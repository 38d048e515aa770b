import AWS
import Curl
import FoundationEssentials
import Peers
import Testing

@Suite("Regions and endpoints")
struct EnvironmentTests {
    @Test("AWS_REGION wins over AWS_DEFAULT_REGION, and both over the task's")
    func region() throws {
        let both = ["AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"]
        #expect(try AWSEnvironment(both, region: "eu-west-3").region == "eu-west-1")
        let second = ["AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"]
        #expect(try AWSEnvironment(second, region: "eu-west-3").region == "eu-west-2")
        #expect(try AWSEnvironment([:], region: "eu-west-3").region == "eu-west-3")
    }

    @Test(
        "the endpoint follows the region",
        arguments: [
            ("eu-central-1", "https://ecs.eu-central-1.amazonaws.com/"),
            ("us-gov-west-1", "https://ecs.us-gov-west-1.amazonaws.com/"),
            ("cn-north-1", "https://ecs.cn-north-1.amazonaws.com.cn/"),
        ]
    )
    func standard(region: String, endpoint: String) throws {
        #expect(try AWSEnvironment([:], region: region).endpoint(.ecs) == endpoint)
    }

    struct Row: Decodable {
        let service: String
        let region: String
        let fips: Bool
        let dualStack: Bool
        let url: String
    }

    @Test("each service is where botocore says in every region, by FIPS and dual stack too")
    func everywhere() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let port = try await BotocoreTests.shared.peer.ready.port
        let answer = try await http.send(
            HTTPRequest(.get, "http://127.0.0.1:\(port)/endpoints", deadline: .seconds(60))
        )
        let rows = try JSONDecoder().decode([Row].self, from: Data(answer.body))
        for row in rows {
            let environment = try AWSEnvironment(
                [
                    "AWS_USE_FIPS_ENDPOINT": "\(row.fips)",
                    "AWS_USE_DUALSTACK_ENDPOINT": row.dualStack ? "True" : "",
                ],
                region: row.region
            )
            let service = try #require(AWSService(rawValue: row.service))
            #expect(environment.endpoint(service) == row.url + "/", "\(row)")
        }
        #expect(Set(rows.map(\.region)).count > 40 && rows.count > 480)
        print("\(rows.count) endpoints of \(Set(rows.map(\.region)).count) regions compared")
    }

    @Test("FIPS or dual stack beside an endpoint of one's own is refused, as by AWS's SDKs")
    func contradiction() {
        for name in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
            let variables = [name: "true", "AWS_ENDPOINT_URL_SSM": "https://vpce.example"]
            #expect(throws: AWSSettingsFailure.self) {
                try AWSEnvironment(variables, region: "eu-west-1")
            }
            let odd = AWSSettingsFailure(problems: [
                "\(name) is neither true nor false; expected one of them"
            ])
            #expect(throws: odd) { try AWSEnvironment([name: "1"], region: "eu-west-1") }
        }
    }

    @Test("a service's own endpoint wins over the common one")
    func overrides() throws {
        let environment = try AWSEnvironment(
            [
                "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
                "AWS_ENDPOINT_URL_DYNAMODB": "https://db.example/",
            ],
            region: "eu-west-1"
        )
        #expect(environment.endpoint(.ecs) == "http://127.0.0.1:1/")
        #expect(environment.endpoint(.ssm) == "http://127.0.0.1:1/")
        #expect(environment.endpoint(.dynamodb) == "https://db.example:443/")
    }

    @Test("all faulty settings are named together, once each")
    func faults() {
        let variables = [
            "AWS_REGION": "Frankfurt am Main", "AWS_ENDPOINT_URL": "http://h/?secret",
            "AWS_ENDPOINT_URL_SSM": "file:///etc",
        ]
        let expected = AWSSettingsFailure(problems: [
            "AWS_REGION is no name of a region; expected one like eu-central-1",
            "AWS_ENDPOINT_URL is not an http or https URL without path and query",
            "AWS_ENDPOINT_URL_SSM is not an http or https URL without path and query",
        ])
        #expect(throws: expected) { try AWSEnvironment(variables) }
    }

    @Test("no region at all is a fault")
    func noRegion() {
        #expect(throws: AWSSettingsFailure.self) { try AWSEnvironment([:]) }
    }
}
