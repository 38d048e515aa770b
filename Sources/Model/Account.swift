/// What all services of an account share in a region (ECS developer guide, "Request throttling for
/// the Amazon ECS API" and "AWS Fargate throttling quotas"): what one of them uses up is missing
/// for the others.
package struct Account: Hashable, Sendable {
    /// Category "Service modify": `CreateService`, `DeleteService`, `UpdateService`.
    package var serviceModify = TokenBucket(burst: 50, perSecond: 5)
    /// Category "Service read": `DescribeServices`, `ListServices`.
    package var serviceRead = TokenBucket(burst: 100, perSecond: 20)
    /// Category "Cluster resource modify": `StopTask`, `RunTask` and others.
    package var resourceModify = TokenBucket(burst: 100, perSecond: 40)
    /// Category "Cluster resource read": `ListTasks`, `DescribeTasks` and others.
    package var resourceRead = TokenBucket(burst: 100, perSecond: 20)
    /// `GetTaskProtection` and `UpdateTaskProtection`, whoever makes them: the task's own endpoint
    /// makes one for each request.
    package var protection = TokenBucket(burst: 200, perSecond: 80)
    /// Starts of tasks on Fargate, On-Demand; Spot has as many of its own.
    package var launches = TokenBucket(burst: 100, perSecond: 20)

    package init() {}

    /// Which of them an operation of ECS's API takes from; nil for one that is not modelled.
    package static func bucket(of operation: String) -> WritableKeyPath<Account, TokenBucket>? {
        switch operation {
        case "UpdateService", "CreateService", "DeleteService": \.serviceModify
        case "DescribeServices", "ListServices": \.serviceRead
        case "StopTask", "RunTask": \.resourceModify
        case "ListTasks", "DescribeTasks": \.resourceRead
        case "GetTaskProtection", "UpdateTaskProtection": \.protection
        default: nil
        }
    }

    /// Tasks in one answer of `ListTasks` at most (ECS API reference, ListTasks, maxResults).
    package static let tasksPerPage = 100
}
