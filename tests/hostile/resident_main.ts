/**
 * Runs command lines one after the other. Each line of the standard input contains the words of a
 * command line, as JSON. On the output stream, the output of a command is followed by a zero byte.
 * On the error stream, it is followed by the command's time and memory between two zero bytes.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { HostMemoryWatch, toItsEnd } from "@dmalab/cli";
import "@dmalab/bin/provide";
import { main } from "@dmalab/cli/program";
import { ProcessScreen } from "@dmalab/cli/extend";
import { peakBytes } from "./peak.ts";

function write(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}

/**
 * Number of bytes of garbage from earlier command lines that are left uncollected, because they are
 * a small part of every memory limit.
 */
const GARBAGE_BYTES = 2 ** 24;

const memory = new HostMemoryWatch();
let heldBytes = 0;

for await (const line of createInterface({ input: process.stdin })) {
  if (memory.takenBytes() > heldBytes + GARBAGE_BYTES) {
    memory.collect();
    heldBytes = memory.takenBytes();
  }
  // Resets the peak of the process's memory, so that the next peak belongs to this command line.
  // Memory that earlier command lines have left still counts.
  Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  const [start, before] = [performance.now(), process.cpuUsage()];
  const screen = new ProcessScreen();
  const exitCode = await toItsEnd(() => main(JSON.parse(line), screen), screen);
  const { system, user } = process.cpuUsage(before);
  const wallMs = performance.now() - start;
  const took = { exitCode, wallMs, cpuMs: (system + user) / 1000, peakBytes: peakBytes() };
  write(Deno.stdout, "\x00");
  write(Deno.stderr, `\x00${JSON.stringify(took)}\x00`);
}
