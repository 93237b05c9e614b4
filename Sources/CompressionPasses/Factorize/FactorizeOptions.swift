import Encodings
import PassKit
import TensorCore

/// The options of `factorize`.
struct FactorizeOptions: Sendable {
  /// What the factors are to be nearest in.
  enum Method: String, CaseIterable, Sendable {
    /// The weights.
    case svd
    /// The weights, scaled by the root mean squares of the inputs.
    case activation
    /// The output.
    case whitened
  }

  enum Scope: String, CaseIterable, Sendable {
    /// Every matrix keeps the same share.
    case uniform
    /// One budget for all.
    case global
  }

  /// How matrices are weighed against each other under one budget.
  enum Importance: String, CaseIterable, Sendable {
    /// By what the model's output loses when the matrix alone is factorized.
    case measured
    /// By the energy of the matrix's output.
    case relative
  }

  /// What the ranks follow from.
  enum Budget: Sendable, Equatable {
    /// Share of the parameters.
    case parameters(Double)
    /// Share of the energy, in each matrix.
    case energy(Double)
    /// Factors of this rank are added to what is quantized.
    case correction(rank: Int)
  }

  static let methodOption = PassOption<Method>.choice(
    "method", default: .whitened, "what the factors are nearest in: weights, scaled weights, or outputs")
  static let parametersOption = PassOption<Double>.fraction(
    "parameters", in: 0.01...0.99, "share of the parameters to keep"
  ).optional(unset: "another budget is given")
  static let energyOption = PassOption<Double>.fraction(
    "energy", in: 0.01...1, "share of the output's energy to keep in each matrix"
  ).optional(unset: "another budget is given")
  static let correctionOption = PassOption<Int>.integer(
    "correction", in: 1...4_096, "rank of the factors to add to what is quantized"
  ).optional(unset: "another budget is given")
  static let scopeOption = PassOption<Scope>.choice(
    "scope", default: .global, "with parameters: one budget for all matrices, or the same share in each")
  static let importanceOption = PassOption<Importance>.choice(
    "importance", default: .measured, "with scope=global: how matrices are weighed against each other")
  static let typeOption = PassOption<ElementType>.choice("type", default: .f16, "the type to store the factors in")
  static let growthOption = PassOption<Bool>.boolean(
    "allow-growth", default: false, "also take ranks at which the factors are larger than the matrix")
  static let targetsOption = PassOption<[Glob]>.globs("targets", "parameters to take")
    .optional(unset: "every linear weight of the blocks that is still dense; with correction, that is quantized")

  static let declarations = [
    methodOption.declaration, parametersOption.declaration, energyOption.declaration, correctionOption.declaration,
    scopeOption.declaration, importanceOption.declaration, typeOption.declaration, growthOption.declaration,
    targetsOption.declaration,
  ]

  let method: Method
  let budget: Budget
  let scope: Scope
  let importance: Importance
  let type: ElementType
  let allowsGrowth: Bool
  let targets: [Glob]?

  init(_ values: OptionValues) throws(OptionConflict) {
    method = values[Self.methodOption]
    scope = values[Self.scopeOption]
    importance = values[Self.importanceOption]
    type = values[Self.typeOption]
    allowsGrowth = values[Self.growthOption]
    targets = values[Self.targetsOption]
    switch (values[Self.parametersOption], values[Self.energyOption], values[Self.correctionOption]) {
    case (let share?, nil, nil): budget = .parameters(share)
    case (nil, let share?, nil): budget = .energy(share)
    case (nil, nil, let rank?): budget = .correction(rank: rank)
    case (nil, nil, nil):
      throw OptionConflict(
        what: "no budget is given", why: "nothing says what the ranks are to be",
        fix: "give parameters=, energy= or correction=, such as parameters=0.8")
    default:
      throw OptionConflict(
        what: "more than one budget is given", why: "parameters, energy and correction each decide the ranks",
        fix: "give only one of them")
    }
  }

  /// What the method has to know of the inputs.
  var calibrationNeed: CalibrationNeed {
    switch method {
    case .svd: .none
    case .activation: .meanSquares
    case .whitened: .gram
    }
  }

  func encoding(rank: Int) -> Encoding { .lowRank(rank: rank, u: .dense(type), v: .dense(type)) }
}
