/** Processor time of measurements. */
import process from "node:process";

/**
 * Processor time of this process so far, in seconds: all its threads, including the compiler's and
 * the garbage collector's. It equals the time on one core without other load; wall time would also
 * contain other processes' time.
 */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Processor time of some work, in seconds. */
export function secondsOf(work: () => void): number {
  const start = cpuSeconds();
  work();
  return cpuSeconds() - start;
}
