/// The calls of the Systems Manager parameter store in use.
package struct SSMClient: Sendable {
    private let aws: AWSClient

    package init(_ aws: AWSClient) { self.aws = aws }

    /// What is known of a parameter without its value.
    package struct Description: Hashable, Sendable {
        /// `String`, `StringList` or `SecureString`.
        package let type: String
    }

    /// - Parameter name: the parameter's name, not its ARN.
    /// - Returns: nil when there is none of this name.
    package func describeParameter(
        _ name: String
    ) async throws(AWSFailure) -> Description? {
        struct Filter: Encodable {
            let key = "Name"
            let option = "Equals"
            let values: [String]

            enum CodingKeys: String, CodingKey {
                case key = "Key"
                case option = "Option"
                case values = "Values"
            }
        }
        struct Input: Encodable {
            let filters: [Filter]
            enum CodingKeys: String, CodingKey { case filters = "ParameterFilters" }
        }
        struct Answer: Decodable {
            let parameters: [Parameter]?

            struct Parameter: Decodable {
                let type: String?
                enum CodingKeys: String, CodingKey { case type = "Type" }
            }
            enum CodingKeys: String, CodingKey { case parameters = "Parameters" }
        }
        let input = Input(filters: [Filter(values: [name])])
        let answer: Answer = try await aws.call(.ssm, "DescribeParameters", .harmless, input)
        return answer.parameters?.first.map { Description(type: $0.type ?? "?") }
    }

    /// The value of a parameter, decrypted. It is a secret: no error quotes it.
    ///
    /// - Parameters:
    ///   - name: the parameter's name or ARN.
    ///   - isDecrypted: false for the value as it lies there, which needs no right to its key.
    /// - Throws: `notFound` when there is none of this name.
    package func getParameter(
        _ name: String,
        isDecrypted: Bool = true
    ) async throws(AWSFailure) -> String {
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
        let input = Input(name: name, withDecryption: isDecrypted)
        let answer: Answer = try await aws.call(.ssm, "GetParameter", .harmless, input)
        return answer.parameter.value
    }
}
