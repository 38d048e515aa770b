/// Gives equal values one number, from 1 on, so that a ``SmallWorld`` holds numbers only.
struct Interned<Value: Hashable> {
    private(set) var values: [Value] = []
    private var ids: [Value: UInt16] = [:]

    mutating func id(of value: Value) -> UInt16 {
        if let id = ids[value] { return id }
        precondition(values.count < 65_534, "more than 65,534 kinds of \(Value.self)")
        values.append(value)
        let id = UInt16(values.count)
        ids[value] = id
        return id
    }

    subscript(id: UInt16) -> Value { values[Int(id) - 1] }
}

/// Answers that were found once, by a number that says what was asked.
struct Memo<Answer> {
    private var keys: [UInt64] = Array(repeating: .max, count: 1_024)
    private var answers: [Answer?] = Array(repeating: nil, count: 1_024)
    private var count = 0

    func answer(to key: UInt64) -> Answer? {
        var slot = place(key)
        while keys[slot] != .max {
            if keys[slot] == key { return answers[slot] }
            slot = (slot + 1) & (keys.count - 1)
        }
        return nil
    }

    mutating func keep(_ answer: Answer, for key: UInt64) {
        if count * 2 >= keys.count { grow() }
        insert(answer, key)
        count += 1
    }

    private mutating func insert(_ answer: Answer, _ key: UInt64) {
        var slot = place(key)
        while keys[slot] != .max { slot = (slot + 1) & (keys.count - 1) }
        keys[slot] = key
        answers[slot] = answer
    }

    private func place(_ key: UInt64) -> Int {
        let product = key.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return Int(truncatingIfNeeded: product.high ^ product.low) & (keys.count - 1)
    }

    private mutating func grow() {
        let old = zip(keys, answers).filter { $0.0 != .max }
        keys = Array(repeating: .max, count: keys.count * 2)
        answers = Array(repeating: nil, count: keys.count)
        for case (let key, let answer?) in old { insert(answer, key) }
    }
}
