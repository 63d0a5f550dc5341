/**
 * Runs of examples through which a client of the adapter steps, and the values that it must find
 * there.
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "@dmalab/tests";
import type { Client } from "./client.ts";

/** A run of an example, with counts from the output of `dmalab run --trace`. */
interface Known {
  readonly file: string;
  readonly run: string;
  readonly events: number;
  /** Number of statements at which `next` stops, including the first. */
  readonly statements: number;
  /** An event or a kernel call that a breakpoint stops at, and the number of its occurrences. */
  readonly stop: string;
  readonly times: number;
  /** Name of a table, and the number of its rows at the end of the run. */
  readonly table: string;
  readonly rows: number;
}

export const KNOWN: readonly Known[] = [
  {
    file: "api/01-two-step-basic.dma",
    run: "three buffers linked into one IOVA range, one IOTLB sync",
    events: 29,
    statements: 24,
    stop: "iommu.map",
    times: 3,
    table: "page_table",
    rows: 22,
  },
  {
    file: "iova/05-flush-queue.dma",
    run: "255 unmaps wait, the 256th flushes, the 257th waits again",
    events: 3345,
    statements: 13,
    stop: "iova.free",
    times: 514,
    table: "mappings",
    rows: 0,
  },
  {
    file: "processes/01-hmm-odp.dma",
    run: "fault, map, use, invalidate, fault again",
    events: 63,
    statements: 30,
    stop: "dma_iova_link",
    times: 2,
    table: "incidents",
    rows: 1,
  },
  {
    file: "start/01-first-look.dma",
    run: "40 KiB from scattered pages: one IOVA range, one PRP list",
    events: 130,
    statements: 13,
    stop: "nvme.prp",
    times: 11,
    table: "doorbells",
    rows: 2,
  },
  {
    file: "nvme/06-doorbells-interrupts.dma",
    run: "one doorbell a command, one interrupt and one more doorbell a result",
    events: 1664,
    statements: 4,
    stop: "nvme.complete",
    times: 64,
    table: "commands",
    rows: 64,
  },
];

export const pathOf = (file: string) => join(ROOT, "examples", file);

export async function frames(client: Client, threadId: number) {
  const { stackFrames } = await client.body("stackTrace", { threadId });
  return stackFrames as { id: number; name: string; line: number }[];
}

/** Repeats a move until it ends for another reason than a step. @returns The lines reached. */
async function walk(client: Client, command: string): Promise<readonly number[]> {
  const lines: number[] = [];
  for (;;) {
    const { reason, threadId } = await client.move(command);
    if (reason !== "step") return lines;
    lines.push((await frames(client, threadId)).at(-1)!.line);
  }
}

/** Goes to each breakpoint. @returns The numbers of the events at which it stopped. */
async function stops(client: Client, command: string): Promise<readonly number[]> {
  const events: number[] = [];
  for (;;) {
    const { reason, threadId } = await client.move(command);
    if (reason !== "function breakpoint") return events;
    const [top] = await frames(client, threadId);
    events.push(Number(/^#(\d+) /.exec(top!.name)![1]));
  }
}

type Named = Readonly<Record<"name" | "value", string>> & {
  readonly variablesReference: number;
  readonly indexedVariables?: number;
};

/** The contents of a scope of the innermost frame. */
export async function scopeOf(client: Client, name: string, threadId = 1) {
  const [frame] = await frames(client, threadId);
  const { scopes } = await client.body("scopes", { frameId: frame!.id });
  const { variables } = await client.body("variables", named(scopes, name));
  return variables as readonly Named[];
}

export function named<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  return all.find((each) => each.name === name)!;
}

export async function walkedThrough(client: Client, known: Known): Promise<void> {
  const { events, file, rows, run, statements, stop, table, times } = known;
  await client.body("launch", { program: pathOf(file), run, stopOnEntry: true });
  await client.event("initialized");
  await client.body("setExceptionBreakpoints", { filters: [] });
  const entry = await client.move("configurationDone");
  assertEquals(entry.reason, "entry");
  const first = (await frames(client, entry.threadId))[0]!.line;
  const ahead = [first, ...await walk(client, "next")];
  assertEquals(ahead.length, statements);
  const [end] = await frames(client, 1);
  assertEquals(end!.name, "the run is over");
  assertEquals(named(await scopeOf(client, "Machine"), table).indexedVariables ?? 0, rows);
  assertEquals(await walk(client, "stepBack"), ahead.toReversed());
  await client.body("setFunctionBreakpoints", { breakpoints: [{ name: stop }] });
  const there = await stops(client, "continue");
  assertEquals(there.length, times);
  assertEquals(await stops(client, "reverseContinue"), there.toReversed());
  const { message } = await client.ask("dmalab.goto", { seq: events + 1 });
  assertEquals(message, `There is no event ${events + 1}: the last is ${events}`);
}
