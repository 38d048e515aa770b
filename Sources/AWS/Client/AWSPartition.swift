/// A part of AWS with names of its own (botocore, `partitions.json`; AWS General Reference, "AWS
/// service endpoints").
package struct AWSPartition: Hashable, Sendable {
    /// As it begins ARNs.
    package let id: String
    /// What ends the names of services' hosts.
    let domain: String
    /// The same of hosts that have IPv6 addresses beside their IPv4 ones.
    let dualStackDomain: String

    /// - Parameter region: any name; one that nobody knows yet is of the first partition.
    package init(region: String) {
        self = Self.others.first { region.hasPrefix($0.prefix) }?.partition ?? Self.aws
    }

    private init(_ id: String, _ domain: String, dualStack dualStackDomain: String) {
        self.id = id
        self.domain = domain
        self.dualStackDomain = dualStackDomain
    }

    private static let aws = AWSPartition("aws", "amazonaws.com", dualStack: "api.aws")

    /// By what the names of their regions begin with.
    private static let others: [(prefix: String, partition: AWSPartition)] = [
        (
            "cn-",
            AWSPartition("aws-cn", "amazonaws.com.cn", dualStack: "api.amazonwebservices.com.cn")
        ),
        ("us-gov-", AWSPartition("aws-us-gov", "amazonaws.com", dualStack: "api.aws")),
        ("eusc-", AWSPartition("aws-eusc", "amazonaws.eu", dualStack: "api.amazonwebservices.eu")),
        ("us-iso-", AWSPartition("aws-iso", "c2s.ic.gov", dualStack: "api.aws.ic.gov")),
        ("us-isob-", AWSPartition("aws-iso-b", "sc2s.sgov.gov", dualStack: "api.aws.scloud")),
        (
            "eu-isoe-",
            AWSPartition("aws-iso-e", "cloud.adc-e.uk", dualStack: "api.cloud-aws.adc-e.uk")
        ),
        ("us-isof-", AWSPartition("aws-iso-f", "csp.hci.ic.gov", dualStack: "api.aws.hci.ic.gov")),
    ]
}

extension AWSService {
    /// The host of this service in a region, by the rules of its endpoints (botocore,
    /// `endpoint-rule-set-1.json` of each service).
    func host(region: String, usesFIPS: Bool, usesDualStack: Bool) -> String {
        let partition = AWSPartition(region: region)
        let domain = usesDualStack ? partition.dualStackDomain : partition.domain
        // There all of these are FIPS endpoints, under their plain names.
        let isPlain =
            partition.id == "aws-us-gov" && !usesDualStack && self != .ecs && self != .ecr
        let plain = self == .ecr && !usesFIPS && !usesDualStack ? "api.ecr" : rawValue
        let name = usesFIPS && !isPlain ? rawValue + "-fips" : plain
        return "\(name).\(region).\(domain)"
    }
}
