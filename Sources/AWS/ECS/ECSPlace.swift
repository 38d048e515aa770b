/// Where a service of ECS is: the short names of its cluster and of itself.
///
/// One cluster has one key in the ledger, however it was named: as an ARN on one side and by its
/// name on the other it would make two ledgers that fight over one service.
package struct ECSPlace: Hashable, Sendable {
    package let cluster: String
    package let service: String

    package init(cluster: String, service: String) {
        self.cluster = cluster
        self.service = service
    }
}

/// The name of a cluster or a service, given as it is or as an ARN (Amazon Resource Names, service
/// authorization reference of ECS): `arn:aws:ecs:region:account:cluster/name` and
/// `arn:aws:ecs:region:account:service/cluster/name`, in which accounts of before 2018 lack the
/// cluster.
package struct ECSName: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case cluster
        case service
    }

    package let short: String
    /// The whole ARN, if it was one.
    package let arn: String?
    /// The cluster that a service's ARN names.
    package let cluster: String?

    /// - Returns: nil for what is neither a name as ECS takes it (255 letters, digits, hyphens and
    ///   underscores at most; ECS API reference, CreateCluster and CreateService) nor an ARN of
    ///   that kind.
    package init?(_ text: String, _ kind: Kind) {
        guard text.hasPrefix("arn:") else {
            guard Self.isName(text) else { return nil }
            self.init(short: text, arn: nil, cluster: nil)
            return
        }
        let fields = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard fields.count == 6, fields[2] == "ecs" else { return nil }
        let path = fields[5].split(separator: "/", omittingEmptySubsequences: false)
        let names = path.dropFirst()
        guard path[0] == kind.rawValue, names.allSatisfy(Self.isName), let short = names.last else {
            return nil
        }
        switch (kind, names.count) {
        case (_, 1): self.init(short: String(short), arn: text, cluster: nil)
        case (.service, 2):
            self.init(short: String(short), arn: text, cluster: String(path[1]))
        default: return nil
        }
    }

    private init(short: String, arn: String?, cluster: String?) {
        self.short = short
        self.arn = arn
        self.cluster = cluster
    }

    private static func isName(_ text: some StringProtocol) -> Bool {
        (1...255).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
