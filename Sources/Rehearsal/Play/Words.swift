import Decisions

/// A task's name in the timeline.
func short(_ task: TaskID) -> String { String(task.text.prefix(8)) }

/// Seconds with one decimal, without a formatter that would pull in ICU.
func tenths(_ seconds: Double) -> String {
    let whole = Int((seconds * 10).rounded())
    return "\(whole / 10).\(abs(whole % 10))"
}

/// `text` filled with spaces to `width`; longer text stays.
func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - text.count))
    return right ? space + text : text + space
}
