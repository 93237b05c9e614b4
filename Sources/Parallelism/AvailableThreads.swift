import Glibc

/// How many threads this process may keep busy, and what decided it.
public struct AvailableThreads: Sendable, Equatable {
  public let count: Int
  /// "affinity mask" or "cgroup quota".
  public let reason: String

  /// The smaller of the processors in the affinity mask and the cgroup's CPU quota rounded down, at least 1.
  public static let current: AvailableThreads = {
    let affinity = affinityCount()
    guard let quota = cgroupQuota() else { return AvailableThreads(count: affinity, reason: "affinity mask") }
    let whole = max(1, Int(quota))
    return whole < affinity
      ? AvailableThreads(count: whole, reason: "cgroup quota")
      : AvailableThreads(count: affinity, reason: "affinity mask")
  }()

  /// Processors in the kernel's list for this process, such as `0-2,5`.
  private static func affinityCount() -> Int {
    let list = text(of: "/proc/self/status").split(separator: "\n")
      .first { $0.hasPrefix("Cpus_allowed_list:") }?
      .split(whereSeparator: \.isWhitespace).last
    let count = list?.split(separator: ",").reduce(0) { sum, range in
      let bounds = range.split(separator: "-").compactMap { Int($0) }
      guard let first = bounds.first, let last = bounds.last else { return sum }
      return sum + last - first + 1
    }
    return max(1, count ?? sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  }

  /// Processors' worth of quota under cgroup v2 or v1, nil when unlimited.
  private static func cgroupQuota() -> Double? {
    if let line = firstLine(of: "/sys/fs/cgroup/cpu.max") {
      let fields = line.split(separator: " ")
      guard fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]), period > 0 else {
        return nil
      }
      return quota / period
    }
    guard let quota = firstLine(of: "/sys/fs/cgroup/cpu/cpu.cfs_quota_us").flatMap(Double.init), quota > 0,
      let period = firstLine(of: "/sys/fs/cgroup/cpu/cpu.cfs_period_us").flatMap(Double.init), period > 0
    else { return nil }
    return quota / period
  }

  private static func firstLine(of path: String) -> String? {
    text(of: path).split(separator: "\n").first.map(String.init)
  }

  /// The beginning of a small system file, empty when it cannot be read.
  private static func text(of path: String) -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 8_192)
    let count = unsafe read(descriptor, &buffer, buffer.count)
    return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
  }
}
