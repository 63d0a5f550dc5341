/**
 * `deno task script soak [--requests N] [--seed S]`: ten million requests of random sizes, on
 * machines of every mode and release, with failures, resets and removals.
 *
 * Prints ten times the objects that the machines hold and the host's memory that the process takes.
 * Ends with exit code 1 when the machines hold more than before, or when the memory in use keeps
 * growing.
 */
import { command, integer } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import { runTask } from "@dmalab/tools";
import { soak, type SoakPoint } from "./soak.ts";

const REQUESTS = 10_000_000;
const MIB = 2 ** 20;
/** The amount of heap that the second half may take more than the first: machines come and go. */
const GROWTH = 1.25;

/** The host's memory once garbage is collected, where the host lets us ask for that. */
function memory(): { readonly heapBytes: number; readonly rssBytes: number } {
  (globalThis as { readonly gc?: () => void }).gc?.();
  const { external, heapUsed, rss } = Deno.memoryUsage();
  return { heapBytes: heapUsed + external, rssBytes: rss };
}

const grouped = (count: number) => count.toLocaleString("en-US");
const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;

function run(requests: number, seed: number): ExitCode {
  const start = performance.now();
  const heaps: number[] = [];

  const show = (point: SoakPoint): void => {
    const { held } = point;
    const { heapBytes, rssBytes } = memory();
    heaps.push(heapBytes);
    const seconds = (performance.now() - start) / 1000;
    console.log(
      `${grouped(point.requests).padStart(11)} requests ${seconds.toFixed(0).padStart(5)} s | ` +
        `heap ${mib(heapBytes)}, rss ${mib(rssBytes)} | machines ${point.machines}, ` +
        `failures ${
          grouped(point.failures)
        }, resets ${point.resets}, removals ${point.removals} | ` +
        `held: mappings ${held.mappings}, bounce slots ${held.bounceSlots}, ` +
        `descriptors ${held.descriptors}, IO ranges ${point.ioRanges}, ` +
        `pages ${mib(point.pageBytes)}`,
    );
  };

  const end = soak({ requests, seed, onPoint: show });
  console.log(
    `${grouped(end.well)} of ${grouped(end.requests)} requests of seed ${seed} ended well; ` +
      `digest ${end.digest}`,
  );
  const half = heaps.length / 2;
  const growth = Math.max(...heaps.slice(half)) / Math.max(...heaps.slice(0, half));
  if (growth > GROWTH) {
    console.error(`error: the heap is ${growth.toFixed(2)} times as large in the second half`);
    return FAILED;
  }
  return HELD;
}

await runTask(command({
  name: "soak",
  brief: "Run millions of requests and watch the memory",
  description:
    "Runs requests of random sizes on machines of every mode and release, with failures, " +
    "resets and removals; fails when something stays held or the heap keeps growing.",
  argument: null,
  options: {
    requests: integer("N", "Run N requests (ten million).", { least: 1 }),
    seed: integer("S", "Draw other requests (1)."),
  },
  examples: [{ line: "soak --requests 100000", doc: "A short run." }],
  may: {},
  run: ({ options }) => Promise.resolve(run(options.requests ?? REQUESTS, options.seed ?? 1)),
}));
