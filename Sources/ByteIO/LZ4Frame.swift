import CLZ4

/// LZ4 frames by liblz4, always with content size and content checksum.
public enum LZ4Frame {
  /// Frames larger than this are refused unless the caller allows more.
  public static let defaultLimit = 1 << 30

  /// A byte of compressed data yields at most 255 bytes of content (a match length byte of 255).
  private static let largestRatio = 255

  /// One frame holding `bytes`. The same bytes, level and library give the same frame.
  /// - Parameter level: 3 to 12 search harder and harder; below 3 is LZ4's fast mode.
  /// - Throws: `compressionFailed` when the library has no memory.
  public static func compress(_ bytes: Span<UInt8>, level: Int = 9) throws(ByteIOError) -> [UInt8] {
    var preferences = LZ4F_preferences_t()
    preferences.frameInfo.blockSizeID = LZ4F_max4MB
    preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled
    preferences.frameInfo.contentSize = UInt64(bytes.count)
    preferences.compressionLevel = Int32(clamping: level)
    var status = 0
    let capacity = unsafe LZ4F_compressFrameBound(bytes.count, &preferences)
    let frame = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
      status = unsafe bytes.withUnsafeBufferPointer { input in
        unsafe LZ4F_compressFrame(output.baseAddress, capacity, input.baseAddress, input.count, &preferences)
      }
      count = LZ4F_isError(status) == 0 ? status : 0
    }
    guard LZ4F_isError(status) == 0 else { throw .compressionFailed(reason: reason(status)) }
    return frame
  }

  /// The content of the one frame that `frame` consists of.
  /// - Parameters:
  ///   - expectedByteCount: what the content's length must be.
  ///   - limit: the most bytes the caller is ready to hold.
  /// - Throws: `frameOverLimit`, `frameMalformed`, `frameWithoutChecksum`, `frameWrongByteCount`,
  ///   `frameTrailingBytes`. Nothing is allocated for a content that `frame` is too short to yield.
  public static func decompress(
    _ frame: Span<UInt8>, expectedByteCount: Int, limit: Int = defaultLimit
  ) throws(ByteIOError) -> [UInt8] {
    precondition(expectedByteCount >= 0)
    guard expectedByteCount <= limit else { throw .frameOverLimit(byteCount: expectedByteCount, limit: limit) }
    let decoder = try FrameDecoder()
    let headerByteCount = try decoder.readHeader(frame, expectedByteCount: expectedByteCount)
    guard expectedByteCount / largestRatio <= frame.count else {
      throw .frameMalformed(reason: "\(frame.count) bytes cannot hold \(expectedByteCount)")
    }
    return try decoder.readContent(frame.extracting(headerByteCount...), byteCount: expectedByteCount)
  }

  fileprivate static func reason(_ status: Int) -> String {
    guard let name = unsafe LZ4F_getErrorName(status) else { return "error \(status)" }
    return unsafe String(cString: name)
  }
}

/// The library's decompression state.
@safe private final class FrameDecoder {
  private let context: OpaquePointer

  init() throws(ByteIOError) {
    var context: OpaquePointer?
    let status = unsafe LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
    guard let context = unsafe context else { throw .frameMalformed(reason: LZ4Frame.reason(status)) }
    unsafe self.context = context
  }

  deinit { unsafe LZ4F_freeDecompressionContext(context) }

  /// Reads the frame's header and returns its length.
  func readHeader(_ frame: Span<UInt8>, expectedByteCount: Int) throws(ByteIOError) -> Int {
    var info = LZ4F_frameInfo_t()
    var consumed = frame.count
    let status = unsafe frame.withUnsafeBufferPointer { input in
      unsafe LZ4F_getFrameInfo(context, &info, input.baseAddress, &consumed)
    }
    guard LZ4F_isError(status) == 0 else { throw .frameMalformed(reason: LZ4Frame.reason(status)) }
    guard info.frameType == LZ4F_frame else { throw .frameMalformed(reason: "a skippable frame") }
    guard info.contentChecksumFlag == LZ4F_contentChecksumEnabled else { throw .frameWithoutChecksum }
    guard info.contentSize == UInt64(expectedByteCount) else {
      throw .frameWrongByteCount(expected: expectedByteCount, found: info.contentSize)
    }
    return consumed
  }

  /// Reads blocks, end mark and checksum, which `input` must consist of.
  func readContent(_ input: Span<UInt8>, byteCount: Int) throws(ByteIOError) -> [UInt8] {
    var content = [UInt8](repeating: 0, count: byteCount)
    var consumed = 0, produced = 0
    while true {
      var inputCount = input.count - consumed, outputCount = byteCount - produced
      let status = unsafe content.withUnsafeMutableBufferPointer { output in
        unsafe input.withUnsafeBufferPointer { input in
          unsafe LZ4F_decompress(
            context, output.baseAddress.map { unsafe $0 + produced }, &outputCount,
            input.baseAddress.map { unsafe $0 + consumed }, &inputCount, nil)
        }
      }
      guard LZ4F_isError(status) == 0 else { throw .frameMalformed(reason: LZ4Frame.reason(status)) }
      consumed += inputCount
      produced += outputCount
      if status == 0 { break }
      guard inputCount > 0 || outputCount > 0 else {
        throw .frameMalformed(reason: "it ends early, or holds more than it declares")
      }
    }
    guard produced == byteCount else { throw .frameWrongByteCount(expected: byteCount, found: UInt64(produced)) }
    guard consumed == input.count else { throw .frameTrailingBytes(byteCount: input.count - consumed) }
    return content
  }
}
