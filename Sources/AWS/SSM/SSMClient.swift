/// The one call of the Systems Manager parameter store in use.
package struct SSMClient: Sendable {
    private let aws: AWSClient

    package init(_ aws: AWSClient) { self.aws = aws }

    /// The value of a parameter, decrypted. It is a secret: no error quotes it.
    ///
    /// - Parameter name: the parameter's name or ARN.
    /// - Throws: `notFound` when there is none of this name.
    package func getParameter(_ name: String) async throws(AWSFailure) -> String {
        struct Input: Encodable {
            let name: String
            let withDecryption: Bool

            enum CodingKeys: String, CodingKey {
                case name = "Name"
                case withDecryption = "WithDecryption"
            }
        }
        struct Answer: Decodable {
            let parameter: Parameter

            struct Parameter: Decodable {
                let value: String
                enum CodingKeys: String, CodingKey { case value = "Value" }
            }
            enum CodingKeys: String, CodingKey { case parameter = "Parameter" }
        }
        let input = Input(name: name, withDecryption: true)
        let answer: Answer = try await aws.call(.ssm, "GetParameter", .harmless, input)
        return answer.parameter.value
    }
}
