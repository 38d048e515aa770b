import AWS
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
