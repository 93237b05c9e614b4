/// The members of a JSON object in the order of the file, each key once.
///
/// Keys are told apart by their UTF-8 bytes. Swift's own string equality would take `é` written as one scalar and as
/// two for the same key.
public struct JSONObject: Sendable, Equatable {
  public struct Member: Sendable, Equatable {
    public let key: String
    public let value: JSONValue
  }

  public let members: [Member]
  /// Positions by key, kept only for objects that are too long to search.
  private let positions: [ExactKey: Int]

  private static let longestSearched = 16

  /// The keys of `members` must differ.
  init(_ members: [Member]) {
    self.members = members
    guard members.count > Self.longestSearched else {
      positions = [:]
      return
    }
    var positions = [ExactKey: Int](minimumCapacity: members.count)
    for (position, member) in members.enumerated() { positions[ExactKey(text: member.key)] = position }
    self.positions = positions
  }

  public var count: Int { members.count }

  public var keys: some Sequence<String> { members.lazy.map(\.key) }

  /// The value of the member called `key`.
  public subscript(key: String) -> JSONValue? {
    if members.count > Self.longestSearched {
      guard let position = positions[ExactKey(text: key)] else { return nil }
      return members[position].value
    }
    return members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
  }

  public static func == (a: JSONObject, b: JSONObject) -> Bool { a.members == b.members }
}

/// A string compared by its bytes.
private struct ExactKey: Hashable {
  let text: String

  static func == (a: ExactKey, b: ExactKey) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
