/** The largest amount of memory that this process has used at once, as Linux counts it. */
export function peakBytes(): number {
  const [, peakKib] = Deno.readTextFileSync("/proc/self/status").match(/VmHWM:\s+(\d+)/)!;
  return 1024 * Number(peakKib);
}
