import CSentencePiece

extension SentencePieceModel {
  public static let byteCountLimit = 1 << 26
  public static let pieceCountLimit = 1 << 21

  /// Reads the bytes of a `tokenizer.model` file; fields that Swage does not use are skipped.
  /// - Parameter source: the file's name, for messages.
  /// - Throws: `SentencePieceError`.
  public static func parse(_ bytes: Span<UInt8>, source: String) throws(SentencePieceError) -> SentencePieceModel {
    guard bytes.count <= byteCountLimit else {
      throw .tooLong(source: source, byteCount: bytes.count, limit: byteCountLimit)
    }
    try checkPieceCount(bytes, source)
    let message = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe swage__sentencepiece__model__unpack(nil, buffer.count, buffer.baseAddress)
    }
    guard let message = unsafe message else { throw .malformed(source: source) }
    defer { unsafe swage__sentencepiece__model__free_unpacked(message, nil) }
    return try unsafe SentencePieceModel(message.pointee, source)
  }

  private init(_ message: Swage__Sentencepiece__Model, _ source: String) throws(SentencePieceError) {
    guard unsafe message.n_pieces > 0 else { throw .noPieces(source: source) }
    var pieces: [Piece] = []
    unsafe pieces.reserveCapacity(message.n_pieces)
    for index in 0..<(unsafe message.n_pieces) {
      guard let entry = unsafe message.pieces[index] else { throw .malformed(source: source) }
      guard let text = unsafe exactText(entry.pointee.piece.data, entry.pointee.piece.len) else {
        throw .notUTF8(source: source, field: "piece \(index)")
      }
      let code = unsafe Int32(bitPattern: entry.pointee.kind.rawValue)
      guard let kind = PieceKind(rawValue: code) else {
        throw .unknownPieceKind(source: source, piece: index, kind: code)
      }
      pieces.append(Piece(text: text, score: unsafe entry.pointee.score, kind: kind))
    }
    self.pieces = pieces

    // A missing message means that every field in it has its default, which the initialisers write.
    var trainer = unsafe Swage__Sentencepiece__TrainerSpec()
    unsafe swage__sentencepiece__trainer_spec__init(&trainer)
    if let stored = unsafe message.trainer_spec { unsafe trainer = stored.pointee }
    let code = unsafe Int32(bitPattern: trainer.model_type.rawValue)
    guard let algorithm = Algorithm(rawValue: code) else { throw .unknownAlgorithm(source: source, code: code) }
    self.algorithm = algorithm
    unsafe hasByteFallback = trainer.byte_fallback != 0
    unsafe treatsWhitespaceAsSuffix = trainer.treat_whitespace_as_suffix != 0
    unsafe unknownID = Int(trainer.unk_id)
    unsafe beginningID = Int(trainer.bos_id)
    unsafe endID = Int(trainer.eos_id)
    unsafe paddingID = Int(trainer.pad_id)
    guard let surface = unsafe exactText(trainer.unk_surface) else {
      throw .notUTF8(source: source, field: "unk_surface")
    }
    unknownSurface = surface

    var normalizer = unsafe Swage__Sentencepiece__NormalizerSpec()
    unsafe swage__sentencepiece__normalizer_spec__init(&normalizer)
    if let stored = unsafe message.normalizer_spec { unsafe normalizer = stored.pointee }
    guard let name = unsafe exactText(normalizer.name) else { throw .notUTF8(source: source, field: "normalizer name") }
    normalizationName = name
    let map = unsafe normalizer.precompiled_charsmap
    precompiledCharacterMap = unsafe Array(UnsafeBufferPointer(start: map.data, count: map.len))
    unsafe addsDummyPrefix = normalizer.add_dummy_prefix != 0
    unsafe removesExtraWhitespaces = normalizer.remove_extra_whitespaces != 0
    unsafe escapesWhitespaces = normalizer.escape_whitespaces != 0
  }

  /// Counts the pieces on the wire before anything is allocated for them: two bytes of file can ask for a hundred of
  /// memory.
  private static func checkPieceCount(_ bytes: Span<UInt8>, _ source: String) throws(SentencePieceError) {
    var position = 0
    var pieceCount = 0
    func varint() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) where position < bytes.count {
        let byte = bytes[position]
        position += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      return nil
    }
    while position < bytes.count {
      guard let tag = varint() else { throw .malformed(source: source) }
      let byteCount: UInt64?
      switch tag & 7 {
      case 0: byteCount = varint().map { _ in 0 }
      case 1: byteCount = 8
      case 2: byteCount = varint()
      case 5: byteCount = 4
      default: byteCount = nil
      }
      guard let byteCount, byteCount <= UInt64(bytes.count - position) else { throw .malformed(source: source) }
      position += Int(byteCount)
      if tag >> 3 == 1 { pieceCount += 1 }
      guard pieceCount <= pieceCountLimit else { throw .tooManyPieces(source: source, limit: pieceCountLimit) }
    }
  }
}

/// The text of counted bytes, nil when they are not UTF-8.
private func exactText(_ start: UnsafePointer<UInt8>?, _ count: Int) -> String? {
  unsafe String(validating: UnsafeBufferPointer(start: start, count: start == nil ? 0 : count), as: UTF8.self)
}

/// The text of a C string, empty for none, nil when it is not UTF-8.
private func exactText(_ start: UnsafePointer<CChar>?) -> String? {
  guard let start = unsafe start else { return "" }
  return unsafe String(validatingCString: start)
}
