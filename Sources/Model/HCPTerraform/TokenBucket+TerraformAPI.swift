extension TokenBucket {
    /// Requests of one user of HCP Terraform's API (HCP Terraform API, "Rate limiting").
    package static let terraformAPI = TokenBucket(burst: 30, perSecond: 30)
}
