import Glibc

/// The largest resident set this process has had, mapped file pages included.
public enum PeakMemory {
  public static var residentByteCount: Int {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1_024
  }
}
