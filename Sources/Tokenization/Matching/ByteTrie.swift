/// A prefix tree over byte strings, its edges in one hash table.
struct ByteTrie: Sendable {
  /// A node reached by matching; the root stands for the empty string.
  typealias Node = UInt32
  static let root: Node = 0

  private let hash = ByteHash()
  /// Children of the root by byte, 0 for none.
  private var first = [Node](repeating: 0, count: 256)
  /// `parent << 8 | byte`, or `UInt64.max` for a free slot; a power of two.
  private var keys = [UInt64](repeating: .max, count: 64)
  private var children = [Node](repeating: 0, count: 64)
  private var edgeCount = 0
  /// The value stored at each node, -1 for none.
  private var values: [Int32] = [-1]

  var isEmpty: Bool { values.count == 1 }

  /// Stores `value` for `key`, in place of what was there.
  mutating func insert(_ key: some Sequence<UInt8>, value: Int) {
    var node = Self.root
    for byte in key {
      if let child = child(of: node, byte) {
        node = child
        continue
      }
      let child = Node(values.count)
      values.append(-1)
      if node == Self.root { first[Int(byte)] = child } else { addEdge(UInt64(node) << 8 | UInt64(byte), child) }
      node = child
    }
    values[Int(node)] = Int32(value)
  }

  func child(of node: Node, _ byte: UInt8) -> Node? {
    if node == Self.root {
      let child = first[Int(byte)]
      return child == 0 ? nil : child
    }
    let slot = slot(of: UInt64(node) << 8 | UInt64(byte))
    return keys[slot] == .max ? nil : children[slot]
  }

  /// The value of the string that ends at `node`.
  func value(at node: Node) -> Int? {
    let value = values[Int(node)]
    return value < 0 ? nil : Int(value)
  }

  /// The longest stored string that `text[start..<end]` begins with: its value and its end.
  func longestMatch(in text: [UInt8], from start: Int, to end: Int) -> (value: Int, end: Int)? {
    var best: (value: Int, end: Int)?
    var node = Self.root
    var position = start
    while position < end, let next = child(of: node, text[position]) {
      node = next
      position += 1
      if let value = value(at: node) { best = (value, position) }
    }
    return best
  }

  private func slot(of key: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash(key)) & (keys.count - 1)
    while keys[slot] != key && keys[slot] != .max { slot = (slot + 1) & (keys.count - 1) }
    return slot
  }

  private mutating func addEdge(_ key: UInt64, _ child: Node) {
    edgeCount += 1
    if 2 * edgeCount > keys.count {
      let old = zip(keys, children).filter { $0.0 != .max }
      keys = [UInt64](repeating: .max, count: 2 * keys.count)
      children = [Node](repeating: 0, count: keys.count)
      for (key, child) in old {
        let slot = slot(of: key)
        keys[slot] = key
        children[slot] = child
      }
    }
    let slot = slot(of: key)
    keys[slot] = key
    children[slot] = child
  }
}
