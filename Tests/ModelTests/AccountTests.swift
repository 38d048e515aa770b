import Model
import Testing

@Suite("Model, account")
struct AccountTests {
    @Test("a bucket refuses what it does not hold and fills up again")
    func bucket() {
        var bucket = TokenBucket(burst: 2, perSecond: 5)
        let moments = [0, 0, 100, 200, 200, 100_000, 100_000, 100_000]
        let answers = moments.map { bucket.take(at: $0) }
        #expect(answers == [true, true, false, true, false, true, true, false])
    }

    @Test("a bucket says how long to wait, and then there is enough")
    func wait() {
        var bucket = TokenBucket(burst: 3, perSecond: 7)
        _ = bucket.take(3, at: 0)
        let wait = bucket.wait(2, at: 10)
        var late = bucket
        let isTaken = bucket.take(2, at: 10 + wait - 1)
        #expect(!isTaken)
        let isEnough = late.take(2, at: 10 + wait)
        #expect(isEnough)
        #expect(TokenBucket(burst: 1, perSecond: 1).wait(at: 0) == 0)
    }

    @Test("each call in use takes from its category's bucket")
    func categories() {
        let account = Account()
        func burst(_ operation: String) -> Int? {
            Account.bucket(of: operation).map { account[keyPath: $0].burst }
        }
        #expect(burst("UpdateService") == 50)
        #expect(burst("DescribeServices") == 100)
        #expect(burst("ListTasks") == 100)
        #expect(burst("StopTask") == 100)
        #expect(burst("UpdateTaskProtection") == 200)
        #expect(burst("ListClusters") == nil)
        #expect(account.launches.perSecond == 20)
    }
}
