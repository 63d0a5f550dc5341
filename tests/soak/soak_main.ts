/**
 * `deno task soak [--requests N] [--seed S]`: ten million requests of random sizes, on machines of
 * every mode and release, with failures, resets and removals.
 *
 * Prints ten times what the machines hold and what the process takes of the host. Ends with exit code
 * 1 when something is held that was not before, or when the memory in use keeps growing.
 */
import { readWholeNumber } from "../../cli/numbers.ts";
import { soak, type SoakPoint } from "./soak.ts";

const REQUESTS = 10_000_000;
const MIB = 2 ** 20;
/** What the second half may take more of the heap than the first did: machines come and go. */
const GROWTH = 1.25;

function numberOption(name: string, otherwise: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  if (at < 0) return otherwise;
  const value = readWholeNumber(Deno.args[at + 1] ?? "");
  if (value !== null) return value;
  console.error(`error: --${name} takes a whole number`);
  Deno.exit(2);
}

/** The host's memory once garbage is collected, where the host lets us ask for that. */
function memory(): { readonly heapBytes: number; readonly rssBytes: number } {
  (globalThis as { readonly gc?: () => void }).gc?.();
  const { external, heapUsed, rss } = Deno.memoryUsage();
  return { heapBytes: heapUsed + external, rssBytes: rss };
}

const grouped = (count: number) => count.toLocaleString("en-US");
const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;

const seed = numberOption("seed", 1);
const start = performance.now();
const heaps: number[] = [];

function show(point: SoakPoint): void {
  const { held } = point;
  const { heapBytes, rssBytes } = memory();
  heaps.push(heapBytes);
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${grouped(point.requests).padStart(11)} requests ${seconds.toFixed(0).padStart(5)} s | ` +
      `heap ${mib(heapBytes)}, rss ${mib(rssBytes)} | machines ${point.machines}, ` +
      `failures ${grouped(point.failures)}, resets ${point.resets}, removals ${point.removals} | ` +
      `held: mappings ${held.mappings}, bounce slots ${held.bounceSlots}, ` +
      `descriptors ${held.descriptors}, IO ranges ${point.ioRanges}, ` +
      `pages ${mib(point.pageBytes)}`,
  );
}

const end = soak({ requests: numberOption("requests", REQUESTS), seed, onPoint: show });
console.log(
  `${grouped(end.well)} of ${grouped(end.requests)} requests of seed ${seed} ended well; ` +
    `digest ${end.digest}`,
);
const half = heaps.length / 2;
const growth = Math.max(...heaps.slice(half)) / Math.max(...heaps.slice(0, half));
if (growth > GROWTH) {
  console.error(`error: the heap is ${growth.toFixed(2)} times as large in the second half`);
  Deno.exit(1);
}
