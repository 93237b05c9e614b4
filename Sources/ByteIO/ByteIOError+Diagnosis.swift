import Diagnostics

extension ByteIOError: Diagnosable {
  public var diagnosis: Diagnosis {
    switch self {
    case .notFound(let path):
      Diagnosis(
        code: "file.not-found", what: "there is no such file", place: path,
        why: "the path names nothing", fix: "check the spelling of the path", status: .missingInput)
    case .isDirectory(let path):
      Diagnosis(
        code: "file.is-directory", what: "this is a folder where a file is expected", place: path,
        why: "a folder has no bytes to read", fix: "name a file inside it", status: .missingInput)
    case .notARegularFile(let path):
      Diagnosis(
        code: "file.not-regular", what: "this is not a regular file", place: path,
        why: "it is read in place, and a pipe or device cannot be", fix: "copy its contents to a file",
        status: .missingInput)
    case .permissionDenied(let path):
      Diagnosis(
        code: "file.permission-denied", what: "the file may not be read", place: path,
        why: "its permissions or those of a folder above it forbid it", fix: "grant read permission",
        status: .missingInput)
    case .readFailed(let path, let errorNumber):
      Diagnosis(
        code: "file.read-failed", what: "reading failed", place: path,
        why: SystemError.text(errorNumber), fix: "check the disk and try again", status: .ioFailure)
    case .changedWhileOpen(let path, let expected, let found):
      Diagnosis(
        code: "file.changed-while-open", what: "the file changed while it was open", place: path,
        why: "it had \(expected) bytes, then \(found)", fix: "wait until nothing writes to it any more",
        status: .ioFailure)
    case .fileOverLimit(let path, let byteCount, let limit):
      Diagnosis(
        code: "file.over-limit", what: "the file is larger than such a file may be", place: path,
        why: "it has \(byteCount) bytes or more, the limit is \(limit)", fix: "check that this is the file you mean",
        status: .malformedInput)
    case .noMemory(let byteCount):
      Diagnosis(
        code: "file.no-memory", what: "there is no memory for what is read", place: "\(byteCount) bytes",
        why: "the system gave none", fix: "raise the limit of this process, or free some memory",
        status: .limitExceeded)
    case .destinationExists(let path):
      Diagnosis(
        code: "output.exists", what: "the output file exists already", place: path,
        why: "files are not overwritten unasked", fix: "choose another name, or pass --force to replace it",
        status: .cannotCreate)
    case .destinationNotAFile(let path):
      Diagnosis(
        code: "output.not-a-file", what: "the output path names something that is not a regular file", place: path,
        why: "only a regular file can be replaced as a whole", fix: "name a file", status: .cannotCreate)
    case .folderMissing(let path):
      Diagnosis(
        code: "output.folder-missing", what: "the folder to write into does not exist", place: path,
        why: "folders are not created unasked", fix: "create it, or choose another path", status: .cannotCreate)
    case .cannotCreate(let path, let errorNumber):
      Diagnosis(
        code: "output.cannot-create", what: "the file cannot be created", place: path,
        why: SystemError.text(errorNumber), fix: "choose a folder that you may write to", status: .cannotCreate)
    case .diskFull(let path, let needed, let available):
      Diagnosis(
        code: "output.disk-full", what: "the disk is full", place: path,
        why: "\(needed) more bytes had to be written"
          + (available.map { ", the file system has \($0) free" } ?? ""),
        fix: "free some space, or write to another disk", status: .ioFailure)
    case .writeFailed(let path, let errorNumber):
      Diagnosis(
        code: "output.write-failed", what: "writing failed", place: path,
        why: SystemError.text(errorNumber), fix: "check the disk and try again", status: .ioFailure)
    case .inUse(let path):
      Diagnosis(
        code: "output.in-use", what: "another process is writing this file", place: path,
        why: "two at once would spoil each other's work", fix: "wait for it, or choose another output",
        status: .cannotCreate)
    case .truncated(let offset, let needed, let available):
      Self.malformed(
        "bytes.truncated", "the data ends too early", offset, "\(needed) bytes are needed, \(available) are left")
    case .reservedNotZero(let offset, let found):
      Self.malformed("bytes.reserved-not-zero", "a reserved byte is not zero", offset, "it is \(found)")
    case .notUTF8(let offset):
      Self.malformed("bytes.not-utf8", "a text is not valid UTF-8", offset, "the bytes from here on do not decode")
    case .countTooLarge(let offset, let found):
      Self.malformed("bytes.count-too-large", "a count is too large", offset, "it is \(found)")
    case .frameMalformed(let reason):
      Self.malformedFrame("lz4.malformed", "the compressed data does not decode", reason)
    case .frameWithoutChecksum:
      Self.malformedFrame("lz4.no-checksum", "the compressed data has no content checksum", "damage would go unseen")
    case .frameWrongByteCount(let expected, let found):
      Self.malformedFrame(
        "lz4.wrong-byte-count", "the compressed data has the wrong length",
        "\(expected) bytes were expected, it holds \(found)")
    case .frameOverLimit(let byteCount, let limit):
      Self.malformedFrame(
        "lz4.over-limit", "the compressed data claims to be too long", "\(byteCount) bytes, the limit is \(limit)")
    case .frameTrailingBytes(let byteCount):
      Self.malformedFrame(
        "lz4.trailing-bytes", "bytes follow the compressed data", "\(byteCount) bytes belong to nothing")
    case .compressionFailed(let reason):
      Diagnosis(
        code: "lz4.compression-failed", what: "LZ4 compression failed", place: "liblz4", why: reason,
        fix: "this is a defect of Swage or of liblz4; please report it", status: .internalError)
    }
  }

  private static func malformed(_ code: String, _ what: String, _ offset: Int, _ why: String) -> Diagnosis {
    Diagnosis(
      code: code, what: what, place: "byte \(offset)", why: why,
      fix: "the file is damaged or not of this format; fetch or make it again", status: .malformedInput)
  }

  private static func malformedFrame(_ code: String, _ what: String, _ why: String) -> Diagnosis {
    Diagnosis(
      code: code, what: what, place: "an LZ4 frame", why: why,
      fix: "the file is damaged; fetch or make it again", status: .malformedInput)
  }
}
