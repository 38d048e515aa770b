import AgentLink
import Model

/// What is printed before anything happens.
extension Play {
    func announcement(_ plan: FaultPlan?) -> String {
        """
        Rehearsal: \(settings.runs) run(s) against a local ECS, DynamoDB and HCP Terraform, \
        with the real sidecar, launcher and endpoint as processes.\
        \(settings.pools > 1 ? Self.poolsAnnouncement(settings.pools) : "")
        seed \(settings.seed), agents \(settings.mode.rawValue), desired_count \
        \(settings.desiredCount), max_count \(settings.maxCount), spare_count \
        \(settings.spareCount); ECS replaces a task that ends during a deployment from the \
        \(settings.replacement.rawValue) revision
        plan \(tenths(settings.planSeconds)) s, apply \(tenths(settings.applySeconds)) s, \
        approval after \(tenths(settings.approvalSeconds)) s, boot \
        \(tenths(settings.bootSeconds)) s, idle limit \(settings.idleSeconds) s, first job limit \
        \(settings.firstJobSeconds) s, time limit \(tenths(settings.timeLimitSeconds)) s\
        \(settings.endpoint == .lambda ? Self.lambdaAnnouncement : "")\
        \(settings.hasAPIToken ? "\nsidecar and endpoint have an API token" : "")\
        \(settings.broken.map { "\nBROKEN on purpose: \($0.explanation)" } ?? "")
        executables in \(settings.bin), task definition \(settings.taskDefinition)
        temporary directory \(folder.path) (removed at the end)\
        \(settings.keep.map { ", logs stay in \($0)" } ?? "; --keep DIR keeps the logs")
        \(plan.map { "\n" + $0.text } ?? "")
        """
    }

    private static func poolsAnnouncement(_ count: Int) -> String {
        "\n\(count) pools behind one endpoint, each with a service, a ledger, agents and rules of "
            + "its own; its letter is in each line"
    }

    private static let lambdaAnnouncement =
        "\nthe endpoint is scale-up-lambda behind a local Lambda with one instance, with a sweep "
        + "every \(LambdaStandIn.sweepMilliseconds / 1000) s"
}
