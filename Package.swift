// swift-tools-version: 6.1
import PackageDescription

/// One list for every target: Swift 6 language mode comes from `swiftLanguageModes` below; a
/// warning is an error, so that none is ever got used to. (`unsafeFlags` is allowed in a root
/// package, which this always is; it has the same meaning in every toolchain since 6.1.)
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .unsafeFlags(["-warnings-as-errors"]),
]

let package = Package(
    name: "hcp-terraform-agents-on-ecs",
    targets: [
        // Values only; imports nothing.
        .target(name: "Decisions", swiftSettings: strict),
        .testTarget(
            name: "DecisionsTests", dependencies: ["Decisions"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
