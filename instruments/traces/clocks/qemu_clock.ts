/**
 * How far the clock of an emulator's log is ahead of the clock of a trace, by the commands that both
 * have.
 *
 * @see behaviour/traces.md T.40, T.41, T.43
 */
import { readSetup } from "../line/nvme_event.ts";

const IO_COMMAND = /^(?:\d+@(\d+\.\d+):)(?:pci_)?nvme_io_cmd cid (\d+) nsid \S+ sqid (\d+) /;
const FAULT = /^(?:\d+@\d+\.\d+:)?(?:vtd_dmar_fault|amdvi_page_fault) /;
const QUEUE = / qid (\d+) cmdid (\d+)$/;
/** Commands of one key that are kept: numbers come again when all generations are used up. */
const MOST_OF_A_KEY = 64;

export interface QemuOffset {
  /** Added to a time of the trace, it is that of the emulator's log: delays only add to it. */
  readonly seconds: number;
  /** Between the smallest and the largest difference. */
  readonly spreadSeconds: number;
  readonly pairs: number;
}

type Times = Map<string, number[]>;

function note(times: Times, key: string, seconds: number): void {
  const known = times.get(key) ?? [];
  if (known.length < MOST_OF_A_KEY) times.set(key, [...known, seconds]);
}

export class QemuClock {
  readonly #log: Times = new Map();
  readonly #trace: Times = new Map();
  /** Accesses that the emulator has refused: one for every four bytes. */
  refusals = 0;

  /** Takes a line that is none of a trace. */
  pushLog(text: string): void {
    const match = IO_COMMAND.exec(text);
    if (match !== null) note(this.#log, `${match[3]} ${match[2]}`, Number(match[1]));
    else if (FAULT.test(text)) this.refusals++;
  }

  get isEmpty(): boolean {
    return this.#log.size === 0;
  }

  /** Takes the payload of a command's setup. */
  pushSetup(payload: string, seconds: number): void {
    const match = QUEUE.exec(readSetup(payload)?.name ?? "");
    if (match !== null && match[1] !== "0") note(this.#trace, `${match[1]} ${match[2]}`, seconds);
  }

  /** By the smallest difference; null without a command that both have. */
  offset(): QemuOffset | null {
    const differences: number[] = [];
    for (const [key, setups] of this.#trace) {
      const commands = this.#log.get(key) ?? [];
      // A log begins before the trace and ends with it: the last ones are the same.
      for (let back = 1; back <= Math.min(setups.length, commands.length); back++) {
        differences.push(commands.at(-back)! - setups.at(-back)!);
      }
    }
    if (differences.length === 0) return null;
    const [least, most] = [Math.min(...differences), Math.max(...differences)];
    return { seconds: least, spreadSeconds: most - least, pairs: differences.length };
  }
}
