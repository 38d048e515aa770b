import ScaleUpLambda

/// `scale-up-lambda` alone.
@main
enum FunctionProgram {
    static func main() { ScaleUpLambda.main() }
}
