/// Pages of the AWS console that a person is sent to.
package enum ConsolePage {
    /// The health page of an ECS service. Partitions other than `aws` have consoles of their own
    /// (AWS Management Console, "Endpoints").
    package static func service(region: String, cluster: String, service: String) -> String {
        let host =
            if region.hasPrefix("cn-") {
                "\(region).console.amazonaws.cn"
            } else if region.hasPrefix("us-gov-") {
                "\(region).console.amazonaws-us-gov.com"
            } else {
                "\(region).console.aws.amazon.com"
            }
        return "https://\(host)/ecs/v2/clusters/\(cluster)/services/\(service)/health"
            + "?region=\(region)"
    }
}
