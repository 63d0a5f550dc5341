/**
 * Compares an emulator's log with a trace: finds the commands that are in both, the offset between
 * the two clocks, and the accesses that the emulator refused.
 *
 * @see rules/traces.md T.40 to T.43
 */
import { maxOf, minOf } from "@dmalab/runtime/basics";
import { readSetup } from "../line/nvme_event.ts";
import type { TraceLine } from "../line/trace_line.ts";
import { pageOf } from "../owner/pages.ts";
import type { ClockOffset } from "./clock_offset.ts";
import { type CommandFacts, ControllerLog, pairCommands } from "./controller_log.ts";

const REFUSED = /vtd_dmar_fault sid (0x[0-9a-f]+) fault \d+ addr (0x[0-9a-f]+) write ([01])/;
const REFUSED_AMD = /^(?:\d+@\d+\.\d+:)?amdvi_page_fault\b/;
const QUEUE = / qid (\d+) cmdid (\d+)$/;
/** The emulator logs a refused access as one line for each piece of this many bytes. */
const WORD_BYTES = 4;
/** Longest line that is read; an emulator's lines are shorter. */
const MAX_LINE = 1024;
/** Largest number of commands and accesses that are kept of each file. */
const MAX_KEPT = 1 << 16;

/** A command of the trace. */
interface TracedCommand extends CommandFacts {
  readonly seconds: number;
  page: number | null;
}

export interface RefusedAccess {
  /** The number of the access's first line in the emulator's log. */
  readonly line: number;
  readonly requesterId: number;
  readonly address: number;
  readonly access: "read" | "write";
  bytes: number;
}

export interface QemuTie {
  /**
   * Number of commands that both records have; `logged` and `traced` are the numbers of commands in
   * the log and in the trace.
   */
  readonly pairs: number;
  readonly logged: number;
  readonly traced: number;
  /**
   * The offset from the trace's clock to the clock of the emulator's log: a time of the trace plus
   * the offset is a time of the log. Delays can only increase the offset. Null if the emulator's
   * log has no times, or no command is in both records.
   */
  readonly offset: Pick<ClockOffset, "seconds" | "spreadSeconds"> | null;
  /**
   * For each line of the emulator's log with a command that is in both records: the time at which
   * the command was set up, in seconds of the trace's clock.
   */
  readonly setupSeconds: ReadonlyMap<number, number>;
}

export class QemuClock {
  readonly #log = new ControllerLog({ commands: MAX_KEPT, extents: 0 });
  readonly #trace: TracedCommand[] = [];
  #traced = 0;
  /** Commands of the trace that are not mapped yet, by CPU. */
  readonly #unmapped = new Map<number, TracedCommand>();
  /** Accesses that the emulator refused. `refusals`: number of lines that say so. */
  readonly refused: RefusedAccess[] = [];
  refusals = 0;

  /** Reads a line that does not belong to a trace. */
  pushLog(text: string, line: number): void {
    if (text.length > MAX_LINE || !text.includes("_")) return;
    if (text.includes("_fault")) this.#refusal(text, line);
    this.#log.push(text, line);
  }

  #refusal(text: string, line: number): void {
    const match = REFUSED.exec(text);
    if (match === null) {
      if (REFUSED_AMD.test(text)) this.refusals++;
      return;
    }
    this.refusals++;
    const [requesterId, address] = [Number(match[1]), Number(match[2])];
    const access = match[3] === "1" ? "write" : "read";
    const last = this.refused.at(-1);
    const isMore = last !== undefined && last.requesterId === requesterId &&
      last.access === access && last.address + last.bytes === address;
    if (isMore) last.bytes += WORD_BYTES;
    else if (this.refused.length < MAX_KEPT) {
      this.refused.push({ line, requesterId, address, access, bytes: WORD_BYTES });
    }
  }

  /** Whether the files contain no emulator's log. */
  get isEmpty(): boolean {
    return this.#log.count === 0 && this.refusals === 0;
  }

  /** Reads an event of the trace: the setup of a command, or the first map after it. */
  pushEvent(line: TraceLine): void {
    const { cpu, event, seconds } = line;
    if (event === "nvme_setup_cmd") {
      const setup = readSetup(line.fields);
      const match = QUEUE.exec(setup?.name ?? "");
      if (match === null || match[1] === "0") return;
      const [queue, cid] = [Number(match[1]), Number(match[2])];
      const extent = setup!.blocks === null || setup!.blocks === 0
        ? null
        : `${setup!.lba} ${setup!.blocks}`;
      const command = { queue, cid, seconds, extent, page: null };
      this.#unmapped.set(cpu, command);
      if (this.#traced++ < MAX_KEPT) this.#trace.push(command);
      return;
    }
    const command = this.#unmapped.get(cpu);
    if (command === undefined) return;
    const address = firstAddress(line);
    if (address !== null) command.page = pageOf(address);
    // Once the request is issued, a later mapping belongs to another request.
    if (address !== null || event === "block_rq_issue") this.#unmapped.delete(cpu);
  }

  /** Matches the commands of both records; null without an emulator's log. */
  tie(): QemuTie | null {
    if (this.isEmpty) return null;
    const setupSeconds = new Map<number, number>();
    const differences: number[] = [];
    for (const [traced, logged] of pairCommands(this.#trace, this.#log.commands)) {
      setupSeconds.set(logged.line, traced.seconds);
      if (logged.seconds !== null) differences.push(logged.seconds - traced.seconds);
    }
    const [least, most] = [minOf(differences), maxOf(differences)];
    const offset = differences.length === 0
      ? null
      : { seconds: least, spreadSeconds: most - least };
    const [logged, traced] = [this.#log.count, this.#traced];
    return { pairs: setupSeconds.size, logged, traced, offset, setupSeconds };
  }
}

/** The start of the range that a map event maps; null for another event. */
function firstAddress(line: TraceLine): number | null {
  const read = line.readDma();
  switch (read?.op) {
    case "iommu_map":
      return read.start;
    case "map":
      return read.addr;
    case "map_sg":
      return read.dmaAddrs[0]!;
    default:
      return null;
  }
}
