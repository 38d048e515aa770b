import Model

/// Something that is away for some minutes now and then.
struct Outage {
    private var endsAt: Milliseconds = 0
    private var decidedHour = -1
    private var startsAt: Milliseconds = 0
    /// Somebody has met the one that was drawn last.
    var isMet = false

    /// - Parameter perHour: the chance of an outage in each hour, in millionths.
    mutating func isOn(at now: Milliseconds, perHour: Int, _ chance: inout Chance) -> Bool {
        guard perHour > 0 else { return false }
        let hour = now / 1.hours
        if hour != decidedHour {
            decidedHour = hour
            if chance.happens(perHour) {
                isMet = false
                startsAt = hour * 1.hours + chance.below(1.hours)
                endsAt = startsAt + chance.within(20.seconds...15.minutes)
            }
        }
        return now >= startsAt && now < endsAt
    }
}
