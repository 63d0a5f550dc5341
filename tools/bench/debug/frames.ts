/** Latency of a full-screen debugger frame, with all panes, after a million events. */
import { Debugger, FullScreen, type KeyPress, Queue, type TerminalInput } from "@dmalab/cli/debug";
import { plainBenchmark } from "../benchmark.ts";
import { median } from "@dmalab/cli/bench";
import { measureInChild } from "../child.ts";
import { recordReads } from "../recording.ts";

/** A large terminal: each pane has room for all its content. */
const SIZE = { columns: 200, rows: 60 };
const EVENT = 1_000_000;
const ROUNDS = 9;
/**
 * Distance between two positions, in events: so large that no result of an earlier round can be
 * reused.
 */
const STRIDE = 997;

/** Simulates a user who presses keys and waits for the frame. */
class Presser {
  readonly #inputs = new Queue<TerminalInput>();
  #drawn = () => {};
  /** Number of bytes of the last frame. */
  frameBytes = 0;
  readonly #said: string[] = [];
  readonly tool: Debugger;
  readonly #end: Promise<unknown>;

  constructor() {
    const write = (text: string) => void this.#said.push(...text.trimEnd().split("\n"));
    const console = { lines: (async function* () {})(), write, prompt: () => {} };
    this.tool = new Debugger(recordReads(), console, { colour: true, columns: SIZE.columns });
    const terminal = {
      inputs: this.#inputs,
      size: SIZE,
      stop: () => Promise.resolve(false),
      write: (text: string) => {
        this.frameBytes = text.length;
        this.#drawn();
      },
    };
    this.#end = new FullScreen(terminal, this.tool, this.#said).run();
  }

  /** Presses keys and waits until everything is drawn. */
  press(...keys: readonly KeyPress[]): Promise<void> {
    const drawn = new Promise<void>((resolve) => this.#drawn = resolve);
    for (const key of keys) this.#inputs.push({ kind: "key", key });
    return drawn;
  }

  type(command: string): Promise<void> {
    return this.press({ name: "text", text: ":" }, { name: "text", text: command.slice(1) }, ENTER);
  }

  /** Waits until the debugger has prepared its checkpoints, as it does while a person reads. */
  async rest(): Promise<void> {
    const { recording } = this.tool.cursor;
    while (recording.timeline.prepare(recording.last, this.tool.cursor.position)) {
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  async leave(): Promise<void> {
    this.#inputs.end();
    await this.#end;
  }
}

const ENTER: KeyPress = { name: "enter", text: "" };

/**
 * Milliseconds from a key press to the drawn frame: the median of several key presses, each at
 * another event.
 *
 * @param back Number of events that the key goes back.
 */
export async function measureKey(name: KeyPress["name"], back: number): Promise<number> {
  const presser = new Presser();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const seq = EVENT - round * STRIDE;
    await presser.type(`:goto ${seq}`);
    await presser.rest();
    const startMs = performance.now();
    await presser.press({ name, text: "" });
    times.push(performance.now() - startMs);
    const { position } = presser.tool.cursor;
    if (position.seq !== seq - back) throw new Error(`Unexpected position: ${position.seq}`);
    if (presser.frameBytes < 500) throw new Error(`A frame of ${presser.frameBytes} bytes`);
  }
  await presser.leave();
  return median(times);
}

export const DEBUG_FRAMES = [
  plainBenchmark(
    "debug.back1m",
    "ms",
    "one event back from a million in the full-screen debugger, up to the frame with all panes",
    () => measureInChild(measureKey, ["left", 1]),
  ),
  plainBenchmark(
    "debug.frame",
    "ms",
    "one redraw of the full-screen debugger of 200 by 60 behind a million events",
    () => measureInChild(measureKey, ["ctrl-l", 0]),
  ),
];
