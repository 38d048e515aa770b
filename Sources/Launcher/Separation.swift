import AgentLink
import Glibc
import Renewal
import Telemetry

/// What keeps jobs of one container apart: whom the agent runs as, and how the container is made as it
/// was.
struct Separation {
    /// Not the launcher's own user.
    let identity: AgentIdentity
    /// nil where the container can be used for one job only.
    let renewer: Renewer?

    /// Looks whether the container can be renewed. To be called before anything else is started, and
    /// before there is a second thread.
    ///
    /// - Returns: nil if not even the agent's user can be another one; said, as everything that stands
    ///   against renewal.
    static func prepare(_ settings: LauncherSettings) -> Separation? {
        let identity: AgentIdentity
        do throws(RenewalObstacle) {
            identity = try self.identity(settings.agentUser)
        } catch {
            say(error)
            return nil
        }
        do throws(RenewalObstacle) {
            let renewer = try Renewer(agent: identity, kept: settings.kept)
            return Separation(identity: identity, renewer: renewer)
        } catch {
            say(error)
            return Separation(identity: identity, renewer: nil)
        }
    }

    private static func identity(_ name: String) throws(RenewalObstacle) -> AgentIdentity {
        guard getuid() == 0, geteuid() == 0 else { throw .notRoot }
        guard let identity = AgentIdentity.find(name) else { throw .userUnknown(name) }
        guard identity.user != 0 else { throw .userIsRoot(name) }
        if let gap = AgentEntry.firstGap(identity) { throw .confinement(gap) }
        return identity
    }

    private static func say(_ obstacle: RenewalObstacle) {
        Notice.say(
            .renewalImpossible,
            "renewal is not possible: " + obstacle.description
                + "; the container is used for one job, as in single mode"
        )
    }
}
