/** The cost of going back in a long session, and of typing input there. */
import { LoadError } from "@dmalab/lang/syntax";
import { INTERRUPT, Repl } from "@dmalab/cli/debug";
import { plainBenchmark } from "./benchmark.ts";
import { median } from "@dmalab/cli/bench";
import { measureInChild, usedBytes } from "./child.ts";

/** A million events: reads of 64 KiB, 103 events each. */
const LINES = [
  "machine { checker = off; iommu { mode = strict }; " +
  "pci { root_port rp0 { nvme ssd { queues = 1, depth = 64 } } } }",
  "let buf = buffer(size: 64KiB)",
  "let done = 0",
  "repeat 4800 { wait ssd.submit(read, lba: 0, into: buf); done += 1 }",
  "let half = done",
  "repeat 4909 { wait ssd.submit(read, lba: 0, into: buf); done += 1 }",
];
const ROUNDS = 9;

/** Typed lines and their output. */
class Typist {
  readonly #lines: string[] = [];
  #wake = () => {};
  #answered = () => {};
  answer = "";

  async *lines(): AsyncGenerator<string> {
    for (;;) {
      while (this.#lines.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
      yield this.#lines.shift()!;
    }
  }

  /** Types a line and waits for the next prompt. */
  async type(line: string): Promise<string> {
    this.answer = "";
    const answered = new Promise<void>((resolve) => this.#answered = resolve);
    this.#lines.push(line);
    this.#wake();
    await answered;
    return this.answer;
  }

  prompt(): void {
    this.#answered();
  }
}

async function longSession(): Promise<Typist> {
  const typist = new Typist();
  const repl = new Repl({
    lines: typist.lines(),
    write: (text) => void (typist.answer += text),
    prompt: () => typist.prompt(),
  }, {
    loader: { load: (path) => new LoadError("not_found", `Cannot read "${path}"`) },
    colour: false,
    columns: 80,
  });
  repl.run();
  await typist.type(INTERRUPT);
  for (const line of LINES) await typist.type(line);
  const { seq } = repl.timeTravel.position;
  if (seq < 1_000_000) throw new Error(`Only ${seq} events`);
  return typist;
}

/**
 * Milliseconds from a typed line to the next prompt: the median of several tries, each typed after
 * other lines.
 */
async function measureLine(
  line: string,
  answer: string,
  before: (round: number) => readonly string[],
): Promise<number> {
  const typist = await longSession();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of before(round)) await typist.type(each);
    const start = performance.now();
    const answered = await typist.type(line);
    times.push(performance.now() - start);
    if (!answered.includes(answer)) throw new Error(answered);
  }
  return median(times);
}

/** Milliseconds for going one event back from the end, with the changes shown. */
export function measureBack(): Promise<number> {
  return measureLine(":back", "", () => [":goto end"]);
}

/** Milliseconds for a statement that is typed at a past event and therefore begins a branch. */
export function measureLive(): Promise<number> {
  const before = (round: number) => [":switch main", `:goto ${494_500 + round}`];
  return measureLine("let here = done", "branch", before);
}

const STEPS = 1000;

/**
 * Memory in bytes that stays in use after going back and forth. Each pair of steps ends at the position
 * at which it began.
 */
export async function measureLeft(): Promise<number> {
  const typist = await longSession();
  const walk = async (pairs: number, pairsALook: number) => {
    for (let pair = 0; pair < pairs; pair++) {
      await typist.type(":back 7");
      // Only a machine can evaluate this expression. Therefore machines are parked for it, up to
      // their memory budget.
      if (pair % pairsALook === 0) await typist.type("done");
      await typist.type(":step 7");
    }
    return usedBytes();
  };
  const before = await walk(STEPS / 2, 4);
  return await walk(STEPS / 2, 10) - before;
}

export const REPL_MOVES = [
  plainBenchmark(
    "repl.back1m",
    "ms",
    "one event back from a million in the REPL, with what changed, up to the prompt",
    () => measureInChild(measureBack, []),
  ),
  plainBenchmark(
    "repl.left1k",
    "bytes",
    "what 1,000 further lines of :back and :step leave in memory, behind a million events",
    () => measureInChild(measureLeft, [], ["--expose-gc"]),
  ),
  plainBenchmark(
    "record.live1m",
    "ms",
    "a statement typed in the midst of a million events, which begins a branch",
    () => measureInChild(measureLive, []),
  ),
];
