/**
 * Loaded before the command line. It makes the process report its time and memory at the end of the
 * error stream.
 */
import process from "node:process";
import { peakBytes } from "./peak.ts";

const start = performance.now();

globalThis.addEventListener("unload", () => {
  const wallMs = performance.now() - start;
  const { system, user } = process.cpuUsage();
  const took = { wallMs, cpuMs: (system + user) / 1000, peakBytes: peakBytes() };
  Deno.stderr.writeSync(new TextEncoder().encode(`\x00${JSON.stringify(took)}`));
});
