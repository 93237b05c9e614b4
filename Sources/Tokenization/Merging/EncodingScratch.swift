/// Room that encoding reuses from word to word.
struct EncodingScratch {
  var symbols = SymbolList()
  /// Holds words of one text only.
  var cache = WordCache()
}
