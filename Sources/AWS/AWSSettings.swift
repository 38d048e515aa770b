/// Everything that this module reads from the environment: where AWS is and who asks.
package struct AWSSettings: Sendable {
    package let environment: AWSEnvironment
    package let credentials: CredentialsSource

    /// - Parameters:
    ///   - environment: the process's variables.
    ///   - region: the region when it is known from elsewhere, after the variables.
    /// - Throws: ``AWSSettingsFailure`` naming every faulty variable of both.
    package init(
        _ environment: [String: String],
        region: String? = nil
    ) throws(AWSSettingsFailure) {
        var problems: [String] = []
        var place: AWSEnvironment?
        var credentials: CredentialsSource?
        do {
            place = try AWSEnvironment(environment, region: region)
        } catch {
            problems += error.problems
        }
        do {
            credentials = try CredentialsSource(environment)
        } catch {
            problems += error.problems
        }
        guard let place, let credentials else { throw AWSSettingsFailure(problems: problems) }
        self.environment = place
        self.credentials = credentials
    }
}
