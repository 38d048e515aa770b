/// The version that every program of this project shows with `--version` and logs at its start. It
/// rises with each release; the major number with what an operator has to change for it.
package enum ProductVersion {
    package static let current = "0.1.0"
}

/// How the endpoint tells its version to those who sign what they send; strangers hear nothing of it.
package enum EndpointVersion {
    package static let header = "x-scale-up-version"
}
