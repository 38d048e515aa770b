/// What things cost, in US dollars. List prices of Fargate and DynamoDB in us-east-1.
package struct Prices: Sendable, Equatable {
    package var vcpuHour = 0.04048
    package var gigabyteHour = 0.004445
    /// Of one task, as in the task definition.
    package var vcpus = 1.0
    package var gigabytes = 2.0
    /// A million write units and a million reads of DynamoDB on demand.
    package var millionWrites = 0.625
    package var millionReads = 0.125
    /// A central controller that always runs (0.25 vCPU and 0.5 GB on Fargate).
    package var controllerHour = 0.01234

    package init() {}

    package var agentHour: Double { vcpuHour * vcpus + gigabyteHour * gigabytes }
}
