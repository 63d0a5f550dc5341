/**
 * Loaded before the command line: as its last words on the error stream, a process says what it took.
 */
import process from "node:process";

const start = performance.now();

globalThis.addEventListener("unload", () => {
  const wallMs = performance.now() - start;
  const { system, user } = process.cpuUsage();
  const cpuMs = (system + user) / 1000;
  const [, peakKib] = Deno.readTextFileSync("/proc/self/status").match(/VmHWM:\s+(\d+)/)!;
  const took = { wallMs, cpuMs, peakBytes: 1024 * Number(peakKib) };
  Deno.stderr.writeSync(new TextEncoder().encode(`\x00${JSON.stringify(took)}`));
});
