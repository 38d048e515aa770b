/// The rehearsal could not be set up; nothing of it runs any more.
struct PlayError: Error, CustomStringConvertible {
    var description: String
}
