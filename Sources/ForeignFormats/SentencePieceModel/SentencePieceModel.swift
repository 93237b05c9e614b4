/// The facts of a SentencePiece `tokenizer.model` file: its pieces, and how text is prepared for them.
///
/// Numbers are as stored; nothing is checked beyond the wire format, the limits and the text of the pieces.
public struct SentencePieceModel: Sendable, Equatable {
  public enum Algorithm: Int32, Sendable {
    case unigram = 1
    case bpe = 2
    case word = 3
    case character = 4
  }

  public enum PieceKind: Int32, Sendable {
    case normal = 1
    case unknown = 2
    case control = 3
    case userDefined = 4
    case unused = 5
    case byte = 6
  }

  public struct Piece: Sendable, Equatable {
    public let text: String
    public let score: Float
    public let kind: PieceKind
  }

  /// In order of their ids.
  public let pieces: [Piece]
  public let algorithm: Algorithm
  public let hasByteFallback: Bool
  public let treatsWhitespaceAsSuffix: Bool
  /// Ids as the trainer recorded them; -1 means that there is no such token.
  public let unknownID, beginningID, endID, paddingID: Int
  /// What an unknown piece decodes to.
  public let unknownSurface: String
  /// The name of the normalisation rule, such as `nmt_nfkc` or `identity`.
  public let normalizationName: String
  /// The compiled normalisation rule: a trie and its replacement strings, empty for none.
  public let precompiledCharacterMap: [UInt8]
  public let addsDummyPrefix: Bool
  public let removesExtraWhitespaces: Bool
  public let escapesWhitespaces: Bool
}
