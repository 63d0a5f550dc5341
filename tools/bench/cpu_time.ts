/** The time that a measurement takes of the host's processors. */
import process from "node:process";

/**
 * What this process has used so far, in seconds: all its threads, the compiler's and the garbage
 * collector's included. One core alone would have taken as long, whatever else runs; a clock on
 * the wall also counts the neighbours.
 */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** What some work takes of them. */
export function secondsOf(work: () => void): number {
  const start = cpuSeconds();
  work();
  return cpuSeconds() - start;
}
