// swift-tools-version: 6.2
import PackageDescription

/// Unsafe constructs are an error unless marked `unsafe`; which targets may write that word is held by ArchitectureTests.
let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .error),
]

/// C is compiled with optimisation in every configuration: an unoptimised kernel is a different kernel.
let optimised: [CSetting] = [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]

func layer(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"])
}

func systemLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "swage",
  products: [
    .executable(name: "swage", targets: ["swage"]),
    .executable(name: "swage-run", targets: ["swage-run"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // Row 0: words and bytes.
    layer("Diagnostics"),
    layer("TensorCore"),
    layer("Parallelism"),
    systemLibrary("CLZ4", pkgConfig: "liblz4", apt: "liblz4-dev"),
    systemLibrary("CXXHash", pkgConfig: "libxxhash", apt: "libxxhash-dev"),
    systemLibrary("CProtobufC", pkgConfig: "libprotobuf-c", apt: "libprotobuf-c-dev"),
    systemLibrary("CJansson", pkgConfig: "jansson", apt: "libjansson-dev"),
    systemLibrary("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
    systemLibrary("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
    .target(name: "CPackManifest", dependencies: ["CProtobufC"], cSettings: [.unsafeFlags(["-O3"])]),
    .target(name: "CSentencePiece", dependencies: ["CProtobufC"], cSettings: [.unsafeFlags(["-O3"])]),
    layer("ByteIO", ["Diagnostics", "TensorCore", "CLZ4", "CXXHash"]),

    // Row 1: vocabulary of models.
    layer("ModelGraph", ["Diagnostics"]),
    layer("Encodings", ["Diagnostics", "TensorCore"]),
    layer("Tokenization", ["Diagnostics"]),
    layer("Metrics"),
    .target(name: "CDecodeKernels", cSettings: optimised),
    layer("LinearAlgebra", ["Parallelism", "COpenBLAS"]),
    layer("ForeignFormats", ["Diagnostics", "TensorCore", "CJansson", "CSentencePiece", "CCrypto"]),

    // Row 2.
    layer("ModelIR", ["Diagnostics", "TensorCore", "ModelGraph", "Encodings", "Tokenization"]),
    layer("PackFormat", ["Diagnostics", "TensorCore", "ByteIO", "CPackManifest", "Encodings"]),
    layer("DecodeKernels", ["Diagnostics", "TensorCore", "Parallelism", "Encodings", "CDecodeKernels"]),

    // Row 3.
    layer("Execution", ["Diagnostics", "TensorCore", "Parallelism", "ModelGraph", "DecodeKernels"]),
    layer(
      "CheckpointImport",
      ["Diagnostics", "TensorCore", "ByteIO", "ModelGraph", "Encodings", "Tokenization", "ForeignFormats", "ModelIR"]),
    layer(
      "PassKit",
      [
        "Diagnostics", "TensorCore", "Parallelism", "LinearAlgebra", "ModelGraph", "Encodings", "ModelIR",
        "DecodeKernels", .product(name: "Yams", package: "Yams"),
      ]),

    // Row 4.
    layer(
      "PackRuntime",
      [
        "Diagnostics", "TensorCore", "ByteIO", "Parallelism", "ModelGraph", "Encodings", "Tokenization", "Metrics",
        "PackFormat", "DecodeKernels", "Execution",
      ]),

    layer(
      "Calibration",
      [
        "Diagnostics", "TensorCore", "ByteIO", "Parallelism", "LinearAlgebra", "ModelGraph", "Encodings", "Tokenization",
        "Metrics", "ForeignFormats", "ModelIR", "DecodeKernels", "Execution", "PassKit",
      ]),

    // Row 5.
    layer(
      "CompressionPasses",
      [
        "Diagnostics", "TensorCore", "Parallelism", "LinearAlgebra", "ModelGraph", "Encodings", "ModelIR",
        "DecodeKernels", "PassKit",
      ]),
    layer(
      "Evaluation",
      [
        "Diagnostics", "TensorCore", "Parallelism", "ModelGraph", "Encodings", "Metrics", "ModelIR", "DecodeKernels",
        "Execution", "Calibration", "PackRuntime",
      ]),

    // Row 6.
    layer(
      "Compiler",
      [
        "Diagnostics", "TensorCore", "ByteIO", "Parallelism", "ModelGraph", "Encodings", "Tokenization", "ModelIR",
        "PackFormat", "CheckpointImport", "PassKit", "Calibration", "CompressionPasses", "Evaluation", "DecodeKernels",
        "PackRuntime",
        "Metrics", "Execution", "ForeignFormats",
      ]),

    // Row 7: parse, call, print.
    layer("CommandLineKit", ["Diagnostics", "ByteIO", "Parallelism", "DecodeKernels", argumentParser]),
    tool(
      "swage",
      [
        "CommandLineKit", "Compiler", "Evaluation", "PassKit", "Diagnostics",
        argumentParser,
      ]),
    tool("swage-run", ["CommandLineKit", "PackRuntime", "Execution", "Diagnostics", argumentParser]),

    // Tests.
    .target(name: "TestSupport", dependencies: ["TensorCore", "Diagnostics"], path: "Tests/TestSupport"),
    tests("DiagnosticsTests", ["Diagnostics"]),
    tests("ParallelismTests", ["Parallelism"]),
    tests("ByteIOTests", ["ByteIO"]),
    tests("ModelGraphTests", ["ModelGraph"]),
    tests("EncodingsTests", ["Encodings"]),
    tests("TokenizationTests", ["Tokenization", "ForeignFormats", "CheckpointImport", "Diagnostics", "TensorCore"]),
    tests("MetricsTests", ["Metrics"]),
    tests("LinearAlgebraTests", ["LinearAlgebra", "Parallelism", "COpenBLAS"]),
    tests("PackFormatTests", ["PackFormat"]),
    tests("DecodeKernelsTests", ["DecodeKernels", "Encodings", "Parallelism"]),
    tests("ExecutionTests", ["Execution", "ModelGraph", "DecodeKernels", "Parallelism", "Encodings"]),
    tests("CheckpointImportTests", ["CheckpointImport", "ForeignFormats", "ByteIO", "ModelGraph"]),
    tests("PassKitTests", ["PassKit", "CompressionPasses", "ModelIR", "DecodeKernels", "LinearAlgebra"]),
    tests("CompressionPassesTests", ["PassKit", "CompressionPasses", "Calibration", "LinearAlgebra", "ModelIR", "ModelGraph", "Encodings", "DecodeKernels", "Execution", "CheckpointImport", "Parallelism"]),
    tests(
      "CalibrationTests",
      [
        "Calibration", "PassKit", "CheckpointImport", "ModelGraph", "ModelIR", "Encodings", "DecodeKernels", "Execution",
        "LinearAlgebra", "Parallelism", "Metrics", "Tokenization", "Diagnostics", "TensorCore",
      ]),
    tests("PackRuntimeTests", ["PackRuntime", "Diagnostics", "Metrics", "Parallelism"]),
    tests(
      "EvaluationTests",
      ["Evaluation", "PackRuntime", "Execution", "ModelGraph", "DecodeKernels", "Parallelism", "Metrics"]),
    tests(
      "EndToEndTests",
      ["PackRuntime", "PackFormat", "ByteIO", "Execution", "DecodeKernels", "Parallelism", "swage", "swage-run"]),
    tests("CommandLineTests", ["swage", "swage-run"]),
    tests("ArchitectureTests", []),
  ],
  swiftLanguageModes: [.v6]
)
