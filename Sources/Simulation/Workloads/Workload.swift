/// Runs in the order in which they are created.
package protocol Workload {
    mutating func next() -> RunPlan?
}
