/** Reads captured runs for tests, and parts of them. */
import { readJson } from "./conformance/golden_files.ts";
import { type CapturedRun, readCaptures, replayRun } from "./conformance/kernel/captured_run.ts";
import { FREES } from "./conformance/kernel/history_replay.ts";
import { type CaptureEnvironment, caseNumber } from "./conformance/kernel/kernel_data.ts";

/** Where the captures of kernels are. */
export const KERNEL = "tests/golden/kernel";

/** The descriptions of all runs, by name. */
export function readEnvironments(): Promise<Readonly<Record<string, CaptureEnvironment>>> {
  return readJson(`${KERNEL}/limits.json`);
}

/** A run with its history, if it has one; its requests in the order of their numbers. */
export async function readRun(name: string): Promise<CapturedRun> {
  const { history, regular } = await readCaptures(KERNEL, name);
  return {
    name,
    environment: (await readEnvironments())[name]!,
    regular: regular.toSorted((a, b) => caseNumber(a.id) - caseNumber(b.id)),
    anomalies: [],
    history,
  };
}

/** The beginning of a run up to the end of one of its requests, by index. */
export function beginningOf(run: CapturedRun, last: number): CapturedRun {
  const { history, regular } = run;
  const index = Math.min(last, regular.length - 1);
  if (history === null) return { ...run, regular: regular.slice(0, index + 1) };
  const number = caseNumber(regular[index]!.id);
  let end = 1 + history.events.findLastIndex(([kind, id]) => kind === "complete" && id === number);
  while (FREES.has(history.events[end]?.[0] ?? "")) end++;
  const events = history.events.slice(0, end);
  const begun = new Set(events.filter(([kind]) => kind === "request").map(([, id]) => id));
  return {
    ...run,
    regular: regular.filter(({ id }) => begun.has(caseNumber(id))),
    history: { ...history, events },
  };
}

/** Whether anything of a run differs: a request, or a line of its history. */
export function runDiffers(run: CapturedRun): boolean {
  const { cases, history } = replayRun(run);
  return [cases, history].some((result) => result !== null && result.agree < result.total);
}
