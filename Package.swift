// swift-tools-version: 6.1
import PackageDescription

/// Set by `Tests/fuzz`: libFuzzer sees which code an input reaches only if it was built so.
let fuzzing = Context.environment["ENDPOINT_FUZZ"] != nil

/// Set by `docker/compile`, which links as this needs it, with lld and without an rpath: the launcher,
/// static as it is, can be loaded anywhere.
let launcherAnywhere = Context.environment["LAUNCHER_ANYWHERE"] != nil

/// Set by `Tests/sanitize`: the run time of a sanitizer cannot be linked into a static executable.
let sanitizing = Context.environment["SANITIZING"] != nil
let whole = sanitizing ? [] : ["-static-executable"]

/// One list for every target: Swift 6 language mode comes from `swiftLanguageModes` below; a
/// warning is an error, so that none is ever got used to. (`unsafeFlags` is allowed in a root
/// package, which this always is; it has the same meaning in every toolchain since 6.1.)
let strict: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .unsafeFlags(["-warnings-as-errors"]),
    ] + (fuzzing ? [.unsafeFlags(["-sanitize=fuzzer"])] : [])

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")

/// Every package at one version, those that only other packages ask for too: the build of today is
/// that of next year, without a lock file. To raise one, change its version here and run `Tests/run`;
/// `swift package show-dependencies` tells who asks for what.
let packages: [(url: String, version: Version)] = [
    ("https://github.com/apple/swift-argument-parser", "1.8.2"),
    ("https://github.com/apple/swift-crypto", "4.5.2"),
    ("https://github.com/apple/swift-http-types", "1.8.0"),
    ("https://github.com/apple/swift-log", "1.16.2"),
    ("https://github.com/apple/swift-nio", "2.101.2"),
    ("https://github.com/hummingbird-project/hummingbird", "2.28.1"),

    // What these bring.
    ("https://github.com/apple/swift-algorithms", "1.2.1"),
    ("https://github.com/apple/swift-asn1", "1.7.4"),
    ("https://github.com/apple/swift-async-algorithms", "1.1.4"),
    ("https://github.com/apple/swift-atomics", "1.3.0"),
    ("https://github.com/apple/swift-certificates", "1.21.1"),
    ("https://github.com/apple/swift-collections", "1.6.0"),
    ("https://github.com/apple/swift-configuration", "1.4.0"),
    ("https://github.com/apple/swift-distributed-tracing", "1.7.3"),
    ("https://github.com/apple/swift-http-structured-headers", "1.7.0"),
    ("https://github.com/apple/swift-metrics", "2.13.0"),
    ("https://github.com/apple/swift-nio-extras", "1.35.2"),
    ("https://github.com/apple/swift-nio-http2", "1.46.0"),
    ("https://github.com/apple/swift-nio-ssl", "2.37.6"),
    ("https://github.com/apple/swift-nio-transport-services", "1.28.0"),
    ("https://github.com/apple/swift-numerics", "1.1.1"),
    ("https://github.com/apple/swift-service-context", "1.5.1"),
    ("https://github.com/apple/swift-system", "1.8.1"),
    ("https://github.com/swift-server/async-http-client", "1.37.0"),
    ("https://github.com/swift-server/swift-service-lifecycle", "2.13.0"),
]

/// SwiftPM warns of a package of which no target here names a product. So one product of each that
/// only others use is named, for a platform for which nothing of this is built.
let onlyPinned: [Target.Dependency] = [
    ("Algorithms", "swift-algorithms"),
    ("SwiftASN1", "swift-asn1"),
    ("AsyncAlgorithms", "swift-async-algorithms"),
    ("Atomics", "swift-atomics"),
    ("X509", "swift-certificates"),
    ("Collections", "swift-collections"),
    ("Configuration", "swift-configuration"),
    ("Instrumentation", "swift-distributed-tracing"),
    ("StructuredFieldValues", "swift-http-structured-headers"),
    ("Metrics", "swift-metrics"),
    ("NIOExtras", "swift-nio-extras"),
    ("NIOHTTP2", "swift-nio-http2"),
    ("NIOSSL", "swift-nio-ssl"),
    ("NIOTransportServices", "swift-nio-transport-services"),
    ("Numerics", "swift-numerics"),
    ("ServiceContextModule", "swift-service-context"),
    ("SystemPackage", "swift-system"),
    ("AsyncHTTPClient", "async-http-client"),
    ("ServiceLifecycle", "swift-service-lifecycle"),
].map { .product(name: $0, package: $1, condition: .when(platforms: [.windows])) }

let package = Package(
    name: "hcp-terraform-agents-on-ecs",
    products: [
        .executable(name: "agent-sidecar", targets: ["Sidecar"]),
        .executable(name: "agent-launcher", targets: ["Launcher"]),
        .executable(name: "scale-up", targets: ["ScaleUpProgram"]),
        .executable(name: "scale-up-lambda", targets: ["FunctionProgram"]),
        .executable(name: "scale-up-server", targets: ["ServerProgram"]),
        .executable(name: "rehearsal", targets: ["Rehearsal"]),
        .executable(name: "stand-in-agent", targets: ["StandInAgent"]),
        .executable(name: "renewal-trial", targets: ["RenewalTrial"]),
    ],
    dependencies: packages.map { url, version in
        // By default it takes the whole of Foundation, for forms that nobody here sends: 44 MB of ICU.
        url.hasSuffix("/hummingbird")
            ? .package(url: url, exact: version, traits: [])
            : .package(url: url, exact: version)
    },
    targets: [
        // Values only; imports nothing.
        .target(name: "Decisions", exclude: ["README.md"], swiftSettings: strict),
        // One constant.
        .target(name: "ProductVersion", swiftSettings: strict),
        // The vocabulary of logs and metrics, and the form of a line; imports nothing.
        .target(name: "Telemetry", swiftSettings: strict),

        // What the decisions need of the world outside, and what is performed over that alone.
        .target(name: "Ports", dependencies: ["Decisions"], swiftSettings: strict),

        // Adapters, one folder for each outside thing.
        .systemLibrary(
            name: "CLibcurl",
            pkgConfig: "libcurl",
            providers: [.apt(["libcurl4-openssl-dev"])]
        ),
        .target(name: "Curl", dependencies: ["CLibcurl"], swiftSettings: strict),
        .target(name: "StrictJSON", swiftSettings: strict),
        .target(
            name: "AWS",
            dependencies: ["Curl", "Decisions", "Ports", "ProductVersion", "StrictJSON"],
            swiftSettings: strict
        ),
        .target(
            name: "HCPTerraform",
            dependencies: ["Curl", "Decisions", "StrictJSON", crypto],
            swiftSettings: strict
        ),
        .target(name: "AgentLink", swiftSettings: strict),
        // A container as it was at its start: what decides as values, what acts in thin shells.
        .target(name: "Renewal", dependencies: ["AgentLink"], swiftSettings: strict),
        .target(name: "AgentLinkServer", dependencies: ["AgentLink"], swiftSettings: strict),
        .target(
            name: "Daemon",
            dependencies: ["AWS", "Decisions", "Telemetry"],
            swiftSettings: strict
        ),

        // What the programs wrote, judged by the rule book.
        .target(
            name: "Audit",
            dependencies: ["Decisions", "Rules", "StrictJSON", "Telemetry"],
            swiftSettings: strict
        ),

        // What a person asks: the pool as a value, and how it is read and shown.
        .target(
            name: "Operators",
            dependencies: [
                "AWS", "Curl", "Daemon", "Decisions", "HCPTerraform", "Ports", "ProductVersion",
            ],
            swiftSettings: strict
        ),

        // What runs in production.
        .executableTarget(
            name: "Launcher",
            dependencies: ["AgentLink", "ProductVersion", "Renewal", "Telemetry"],
            swiftSettings: strict,
            // The launcher runs in whatever image the agent runs in, so it brings everything.
            linkerSettings: [
                .unsafeFlags(
                    whole + ["-Xlinker", "--icf=safe"]
                        + (launcherAnywhere ? ["-Xclang-linker", "-static-pie"] : [])
                )
            ]
        ),
        .executableTarget(
            name: "Sidecar",
            dependencies: [
                "AWS", "AgentLink", "AgentLinkServer", "Audit", "Curl", "Daemon", "Decisions",
                "HCPTerraform", "Operators", "Ports", "ProductVersion", "StrictJSON", "Telemetry",
                argumentParser,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ScaleUp",
            dependencies: [
                "AWS", "Curl", "Daemon", "Decisions", "HCPTerraform", "Ports", "ProductVersion",
                "Telemetry",
            ],
            swiftSettings: strict
        ),
        // Links no server library: it is a client of Lambda's Runtime API.
        .target(
            name: "ScaleUpLambda",
            dependencies: [
                "AWS", "Curl", "Daemon", "Decisions", "Operators", "Ports", "ProductVersion",
                "ScaleUp", "StrictJSON", "Telemetry",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ScaleUpServer",
            dependencies: [
                "Curl", "Daemon", "HCPTerraform", "ProductVersion", "ScaleUp", "Telemetry",
                argumentParser, hummingbird, hummingbirdCore, httpTypes, logging, nioCore, nioHTTP1,
            ] + onlyPinned,
            swiftSettings: strict
        ),
        // Both in one file, as the image has them, and each alone.
        .executableTarget(
            name: "ScaleUpProgram",
            dependencies: ["ScaleUpLambda", "ScaleUpServer", argumentParser],
            path: "Sources/ScaleUpPrograms",
            exclude: ["FunctionProgram.swift", "ServerProgram.swift"],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "FunctionProgram",
            dependencies: ["ScaleUpLambda"],
            path: "Sources/ScaleUpPrograms",
            exclude: ["ScaleUpProgram.swift", "ServerProgram.swift"],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "ServerProgram",
            dependencies: ["ScaleUpServer", argumentParser],
            path: "Sources/ScaleUpPrograms",
            exclude: ["ScaleUpProgram.swift", "FunctionProgram.swift"],
            swiftSettings: strict
        ),

        // What runs on a person's machine.
        .target(name: "Seeded", swiftSettings: strict),
        // The world outside as values, for rehearsal and simulation.
        .target(name: "Model", swiftSettings: strict),
        // The promises, and the book that judges facts by them.
        .target(name: "Rules", dependencies: ["Decisions"], swiftSettings: strict),
        // The decisions in virtual time: drives the values that ship, and links nothing else.
        .target(
            name: "Simulation",
            dependencies: ["AgentLink", "Decisions", "Model", "Rules", "Seeded"],
            exclude: ["README.md", "export-runs"],
            swiftSettings: strict
        ),
        // What a simulation found, as text, charts and a page.
        .target(
            name: "SimulationReport",
            dependencies: ["Decisions", "Model", "Simulation"],
            swiftSettings: strict
        ),
        // Every order of events in small worlds: drives the values that ship, and links nothing else.
        // Optimised always: it counts states by the million, in tests too.
        .target(
            name: "Exploration",
            dependencies: ["AgentLink", "Decisions", "Model", "Rules"],
            swiftSettings: strict + [.unsafeFlags(["-O", "-enforce-exclusivity=unchecked"])]
        ),
        .executableTarget(
            name: "Rehearsal",
            dependencies: [
                "AWS", "AgentLink", "Audit", "Curl", "Decisions", "Exploration", argumentParser,
                crypto, hummingbird, httpTypes,
                logging,
                "Model", nioCore, "Ports", "ProductVersion", "Rules", "Seeded", "Simulation",
                "SimulationReport", "StrictJSON", "Telemetry",
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "StandInAgent",
            dependencies: ["AWS", "AgentLink", "Curl", "Decisions", "Seeded", "StrictJSON"],
            swiftSettings: strict
        ),

        // Peers in Python that tests talk to over real sockets.
        .target(
            name: "Peers",
            dependencies: ["Curl"],
            path: "Tests/Peers",
            exclude: [
                "botocore_peer.py", "endpoint_peer.py", "http_peer.py", "lambda_peer.py",
                "moto_peer.py", "task_peer.py",
            ],
            swiftSettings: strict
        ),
        // Ledger and service in one process, with the promises of the real ones.
        .target(
            name: "InMemoryPorts",
            dependencies: ["Decisions", "Ports"],
            path: "Tests/InMemoryPorts",
            swiftSettings: strict
        ),
        .testTarget(
            name: "DecisionsTests",
            dependencies: ["Decisions", "Seeded"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "PortsTests",
            dependencies: ["Decisions", "InMemoryPorts", "Ports"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "StrictJSONTests",
            dependencies: ["Seeded", "StrictJSON"],
            swiftSettings: strict
        ),
        .testTarget(name: "CurlTests", dependencies: ["Curl", "Peers"], swiftSettings: strict),
        .testTarget(
            name: "AWSTests",
            dependencies: [
                "AWS", "Curl", "Decisions", "InMemoryPorts", "Peers", "Ports", "Rehearsal",
                "Seeded",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "HCPTerraformTests",
            dependencies: ["Decisions", "HCPTerraform", "Peers", "Seeded"],
            exclude: ["field"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "AgentLinkTests",
            dependencies: ["AgentLink", "AgentLinkServer", "Seeded"],
            swiftSettings: strict
        ),
        // Runs the built executable; depending on the target would link the tests statically.
        .testTarget(
            name: "LauncherTests",
            dependencies: ["AgentLink", "AgentLinkServer", "Peers"],
            swiftSettings: strict
        ),
        // The first process of a test's container, static as the launcher is.
        .executableTarget(
            name: "RenewalTrial",
            dependencies: ["Renewal"],
            path: "Tests/RenewalTrial",
            swiftSettings: strict,
            linkerSettings: [.unsafeFlags(whole)]
        ),
        // Runs the built executables, as LauncherTests.
        .testTarget(
            name: "RenewalTests",
            dependencies: ["AgentLink", "AgentLinkServer", "Peers", "Renewal", "Seeded"],
            exclude: ["room.sh"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "DaemonTests",
            dependencies: ["AWS", "Curl", "Daemon", "Peers", "Telemetry"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "OperatorsTests",
            dependencies: [
                "AWS", "Curl", "Daemon", "Decisions", "HCPTerraform", "Operators", "Peers",
                "Ports", "Telemetry",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SidecarTests",
            dependencies: [
                "AWS", "AgentLink", "AgentLinkServer", "Curl", "Daemon", "Decisions",
                "HCPTerraform", "InMemoryPorts", "Peers", "Ports", "ProductVersion", "Seeded",
                "Sidecar", "Telemetry",
            ],
            swiftSettings: strict
        ),
        // The endpoint as it is fuzzed, and what is judged of it.
        .target(
            name: "EndpointFuzzing",
            dependencies: [
                "AWS", "Curl", "Daemon", "Decisions", "HCPTerraform", "InMemoryPorts", "Ports",
                "ScaleUp",
            ],
            path: "Tests/EndpointFuzzing",
            swiftSettings: strict
        ),
        .testTarget(
            name: "ScaleUpTests",
            dependencies: [
                "AWS", "Curl", "Daemon", "Decisions", "EndpointFuzzing", "HCPTerraform",
                "InMemoryPorts", "Ports", "ProductVersion", "ScaleUp", "Seeded", "Telemetry",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ScaleUpLambdaTests",
            dependencies: [
                "AWS", "Curl", "Daemon", "Decisions", "HCPTerraform", "Operators", "Peers", "Ports",
                "ProductVersion", "ScaleUp", "ScaleUpLambda",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ScaleUpServerTests",
            dependencies: [
                "AWS", "Curl", "Decisions", "HCPTerraform", "Peers", "Ports", "ScaleUpServer",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ModelTests",
            dependencies: ["Model", "Seeded"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ExplorationTests",
            dependencies: ["Decisions", "Exploration", "Rules", "Seeded"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "AgentLink", "Decisions", "Exploration", "Model", "Peers", "Rules", "Seeded",
                "Simulation",
                "SimulationReport",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "RehearsalTests",
            dependencies: [
                "AWS", "AgentLink", "Audit", "Curl", "Decisions", "Model", "Rehearsal", "Rules",
                "Seeded",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "AuditTests",
            dependencies: ["Audit", "Decisions", "Telemetry"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "RulesTests",
            dependencies: ["Decisions", "Rules", "Seeded"],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6]
)

if fuzzing {
    package.targets.append(
        .executableTarget(
            name: "EndpointFuzz",
            dependencies: ["EndpointFuzzing"],
            path: "Tests/EndpointFuzz",
            exclude: ["corpus", "words.dict"],
            swiftSettings: strict,
            // gold fails on its debug information.
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]
        )
    )
}
