import Diagnostics
import Encodings
import TensorCore

/// Why a kernel cannot be had.
public enum KernelError: Diagnosable, Equatable {
  case unknownInstructionSet(String)
  case unsupportedInstructionSet(InstructionSet)
  /// The encoding cannot hold a matrix of this shape.
  case shapeNotAccepted(Encoding, MatrixShape)
  /// The bytes given are not what a matrix of this shape needs.
  case wrongByteCount(Encoding, MatrixShape, found: Int)

  public var diagnosis: Diagnosis {
    let available = InstructionSet.supported.map(\.rawValue).joined(separator: ", ")
    switch self {
    case .unknownInstructionSet(let name):
      return Diagnosis(
        code: "kernel.unknown-instruction-set", what: "there is no instruction set called '\(name)'",
        place: "--isa \(name)",
        why: "kernels exist for \(InstructionSet.allCases.map(\.rawValue).joined(separator: ", "))",
        fix: "name one that this processor runs (\(available)), or leave the option out", status: .usage)
    case .unsupportedInstructionSet(let isa):
      return Diagnosis(
        code: "kernel.unsupported-instruction-set", what: "this processor does not run \(isa.rawValue)",
        place: "--isa \(isa.rawValue)", why: "its instructions would end the process",
        fix: "name one that it runs (\(available)), or leave the option out", status: .unsupported)
    case .shapeNotAccepted(let encoding, let shape):
      return Diagnosis(
        code: "kernel.shape-not-accepted", what: "\(encoding.text) cannot hold a matrix of this shape",
        place: "shape (\(shape.outputCount), \(shape.inputCount))",
        why: "a matrix has rows and columns, and a group divides a row", fix: "compile the model again",
        status: .malformedInput)
    case .wrongByteCount(let encoding, let shape, let found):
      return Diagnosis(
        code: "kernel.wrong-byte-count",
        what: "\(found) bytes of weights where \(encoding.byteCount(of: shape)) are needed",
        place: "shape (\(shape.outputCount), \(shape.inputCount)) as \(encoding.text)",
        why: "kernels read every byte the shape and the encoding call for", fix: "compile the model again",
        status: .malformedInput)
    }
  }
}
