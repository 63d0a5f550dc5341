/** Processor time of measurements. */
import process from "node:process";

/**
 * Processor time of this process so far, in seconds. It includes all threads of the process, also
 * those of the compiler and the garbage collector. It equals the time on one core without other
 * load. Wall time would also contain the time of other processes.
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
