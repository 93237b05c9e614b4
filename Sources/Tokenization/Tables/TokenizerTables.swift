/// Everything that turns text into token ids and back, as plain data: no JSON, no protobuf, no files.
///
/// Import fills it, a pack carries it (`serialized()`), and `Tokenizer` is built from it.
public struct TokenizerTables: Sendable, Equatable {
  public enum Algorithm: Sendable, Equatable {
    /// Byte-pair merging over the bytes of pre-tokens, as in GPT-2, Llama 3 and Qwen. Pieces hold raw bytes.
    case byteLevelBPE(ByteLevelRules)
    /// SentencePiece: merging or a unigram model over the whole text, spaces written as `▁`. Pieces hold UTF-8.
    case sentencePiece(SentencePieceRules)
  }

  public var algorithm: Algorithm
  public var pieces: PieceTable
  /// In order of rank: the first is applied first. Empty for models that merge or search by score.
  public var merges: [Merge]
  /// Tokens found in the text before anything else happens to it.
  public var addedTokens: [AddedToken]
  /// Put before and after a text when special tokens are asked for.
  public var prefixIDs: [Int]
  public var suffixIDs: [Int]
  /// The token that begins a sequence, whether or not `prefixIDs` adds it.
  public var beginningID: Int?
  /// Tokens that end a sequence: generation stops at each of them.
  public var endIDs: [Int]

  public init(
    algorithm: Algorithm, pieces: PieceTable, merges: [Merge] = [], addedTokens: [AddedToken] = [],
    prefixIDs: [Int] = [], suffixIDs: [Int] = [], beginningID: Int? = nil, endIDs: [Int] = []
  ) {
    self.algorithm = algorithm
    self.pieces = pieces
    self.merges = merges
    self.addedTokens = addedTokens
    self.prefixIDs = prefixIDs
    self.suffixIDs = suffixIDs
    self.beginningID = beginningID
    self.endIDs = endIDs
  }

  /// Whether encoding with special tokens begins with the beginning-of-sequence token.
  public var addsBeginningOfSequence: Bool { beginningID != nil && prefixIDs.first == beginningID }
}

/// How byte-level BPE prepares text.
public struct ByteLevelRules: Sendable, Equatable {
  /// The regular expression that cuts text into pre-tokens.
  public enum SplitPattern: UInt8, Sendable, CaseIterable {
    /// Each stretch of text between added tokens is one pre-token.
    case none = 0
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2 = 1
    /// As `qwen2`, with numbers in groups of up to three digits.
    case llama3 = 2
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    case qwen2 = 3
  }

  /// A cut around numbers made before the pattern is applied.
  public enum DigitSplit: UInt8, Sendable, CaseIterable {
    case none = 0
    case individual = 1
    case contiguous = 2
  }

  public var splitPattern: SplitPattern
  public var digitSplit: DigitSplit
  /// Puts a space before a stretch of text that does not begin with one.
  public var addsPrefixSpace: Bool
  /// Composes the text to Unicode normalisation form C first.
  public var composes: Bool
  /// Takes a pre-token that is a piece at once, whatever the merges would make of it.
  public var ignoresMerges: Bool

  public init(
    splitPattern: SplitPattern, digitSplit: DigitSplit = .none, addsPrefixSpace: Bool = false, composes: Bool = false,
    ignoresMerges: Bool = false
  ) {
    self.splitPattern = splitPattern
    self.digitSplit = digitSplit
    self.addsPrefixSpace = addsPrefixSpace
    self.composes = composes
    self.ignoresMerges = ignoresMerges
  }
}

/// How SentencePiece models prepare text, search it and decode.
public struct SentencePieceRules: Sendable, Equatable {
  public enum Search: UInt8, Sendable, CaseIterable {
    /// Merge the adjacent pair whose concatenation has the highest score, leftmost first.
    case mergesByScore = 0
    /// Merge the adjacent pair of lowest rank in `merges`, leftmost first.
    case mergesByRank = 1
    /// The segmentation of highest total score.
    case unigram = 2
  }

  /// Where a space is put before the text.
  public enum DummyPrefix: UInt8, Sendable, CaseIterable {
    case never = 0
    /// Before every stretch of text between added tokens.
    case everySegment = 1
    /// Before every stretch that does not begin with a space.
    case everySegmentWithoutSpace = 2
    /// Before the text, unless it begins with an added token.
    case firstSegment = 3
    /// As `firstSegment`, unless the text begins with a space.
    case firstSegmentWithoutSpace = 4
  }

  /// What decoding does with spaces at the beginning of the text.
  public enum LeadingSpace: UInt8, Sendable, CaseIterable {
    case kept = 0
    /// One is removed from the first piece that is not empty.
    case oneRemoved = 1
    /// One is removed from each piece until some text has come out.
    case removedUntilText = 2
  }

  public var search: Search
  /// A compiled normalisation rule as SentencePiece stores it (`precompiled_charsmap`), empty for none.
  public var characterMap: [UInt8]
  public var dummyPrefix: DummyPrefix
  public var removesExtraWhitespaces: Bool
  /// Writes spaces as `▁` (U+2581).
  public var escapesWhitespaces: Bool
  /// Spells characters that no piece covers with the 256 byte pieces.
  public var hasByteFallback: Bool
  /// The piece for what no other covers.
  public var unknownID: Int
  /// What `unknownID` decodes to.
  public var unknownSurface: String
  public var leadingSpace: LeadingSpace

  public init(
    search: Search, characterMap: [UInt8] = [], dummyPrefix: DummyPrefix, removesExtraWhitespaces: Bool = false,
    escapesWhitespaces: Bool = true, hasByteFallback: Bool, unknownID: Int, unknownSurface: String,
    leadingSpace: LeadingSpace
  ) {
    self.search = search
    self.characterMap = characterMap
    self.dummyPrefix = dummyPrefix
    self.removesExtraWhitespaces = removesExtraWhitespaces
    self.escapesWhitespaces = escapesWhitespaces
    self.hasByteFallback = hasByteFallback
    self.unknownID = unknownID
    self.unknownSurface = unknownSurface
    self.leadingSpace = leadingSpace
  }
}

/// Two pieces, by id, that are merged into the piece that is their concatenation.
public struct Merge: Sendable, Equatable {
  public let left: UInt32
  public let right: UInt32

  public init(left: UInt32, right: UInt32) {
    self.left = left
    self.right = right
  }
}

/// A token that is found in the text itself, such as `<|endoftext|>`.
public struct AddedToken: Sendable, Equatable {
  public var id: Int
  public var content: String
  /// Left out of decoded text unless asked for.
  public var isSpecial: Bool
  /// Swallows white space before or after it.
  public var stripsLeft: Bool
  public var stripsRight: Bool
  /// Found only where no letter, digit or underscore touches it.
  public var isSingleWord: Bool
  /// Searched for in the normalised text rather than in the raw text.
  public var isNormalized: Bool

  public init(
    id: Int, content: String, isSpecial: Bool, stripsLeft: Bool = false, stripsRight: Bool = false,
    isSingleWord: Bool = false, isNormalized: Bool = false
  ) {
    self.id = id
    self.content = content
    self.isSpecial = isSpecial
    self.stripsLeft = stripsLeft
    self.stripsRight = stripsRight
    self.isSingleWord = isSingleWord
    self.isNormalized = isNormalized
  }
}
