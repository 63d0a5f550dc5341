/**
 * Reads QEMU's trace of its NVMe controller: the commands as the device read them, and which of
 * them are commands of a kernel's trace.
 *
 * @see rules/traces.md T.40 to T.43
 */
import { pageOf } from "../owner/pages.ts";
import { deviceAddress } from "../line/device_address.ts";

const HEAD = /^(?:\d+@(\d+\.\d+):)?/;
const IO_COMMAND = /(?:pci_)?nvme_io_cmd cid (\d+) nsid \S+ sqid (\d+) /;
const ADMIN_COMMAND = "nvme_admin_cmd ";
const EXTENT = /(?:pci_)?nvme_(?:read|write) .*\bnlb (\d+) .*\blba (0x[0-9a-f]+)/;
/**
 * Matches the length of a command's data. Does not match `trans_len` of `map_prp`, which is the
 * length for a single PRP.
 */
const DATA = /(?:pci_)?nvme_map_(prp|sgl) .*\blen (\d+)(?: prp1 (0x[0-9a-f]+))?/;
const ADDRESS = /(?:pci_)?nvme_map_addr addr (0x[0-9a-f]+)(?: len (\d+))?/;

/** Names of a command, as the driver and the controller both know them. */
export interface CommandId {
  readonly queue: number;
  readonly cid: number;
}

/** A command as a trace or the controller's log describes it. */
export interface CommandFacts extends CommandId {
  /** First block and number of blocks; null or absent if no line gives them. */
  readonly extent?: string | null;
  /** Page of the command's first data address; null or absent if no line gives it. */
  readonly page?: number | null;
}

export interface LoggedCommand extends CommandFacts {
  /** The number of the command's first line. */
  readonly line: number;
  /** Time by the clock of the log; null if the log has no times. */
  readonly seconds: number | null;
  readonly format: "prp" | "sgl" | "none";
  /**
   * Ranges of data: device address and bytes. Metadata is left out: the controller looks up the
   * address of metadata only after moving the data, and the log does not say to which command this
   * lookup belongs.
   */
  readonly extents: readonly (readonly [dma: number, sizeBytes: number])[];
}

interface OpenCommand extends LoggedCommand {
  extent: string | null;
  page: number | null;
  format: LoggedCommand["format"];
  readonly extents: [number, number][];
  /** Bytes of data for which no extent has been found yet. */
  leftBytes: number;
}

export interface ControllerLogLimits {
  /** Largest number of commands that are kept. */
  readonly commands: number;
  /** Largest number of ranges that are kept of each command. */
  readonly extents: number;
}

export class ControllerLog {
  /** Commands of the I/O queues, in the order in which the controller fetched them. */
  readonly commands: LoggedCommand[] = [];
  /** Number of commands, with those that are not kept. */
  count = 0;
  /** Null while the controller executes an admin command. */
  #newest: OpenCommand | null = null;

  constructor(
    private readonly limits: ControllerLogLimits = { commands: Infinity, extents: Infinity },
  ) {}

  /** Reads one line; lines of others are left out. */
  push(text: string, line: number): void {
    const begun = IO_COMMAND.exec(text);
    if (begun !== null) return this.#begin(text, line, Number(begun[2]), Number(begun[1]));
    const command = this.#newest;
    if (text.includes(ADMIN_COMMAND)) this.#newest = null;
    else if (command !== null) this.#add(command, text);
  }

  #begin(text: string, line: number, queue: number, cid: number): void {
    const time = HEAD.exec(text)![1];
    this.#newest = {
      queue,
      cid,
      line,
      seconds: time === undefined ? null : Number(time),
      extent: null,
      page: null,
      format: "none",
      extents: [],
      leftBytes: 0,
    };
    if (this.count++ < this.limits.commands) this.commands.push(this.#newest);
  }

  #add(command: OpenCommand, text: string): void {
    const extent = EXTENT.exec(text);
    if (extent !== null) command.extent = `${Number(extent[2])} ${extent[1]}`;
    const data = DATA.exec(text);
    // A second SGL belongs to the metadata.
    if (data !== null && command.format === "none") {
      command.format = data[1] as "prp" | "sgl";
      command.leftBytes = Number(data[2]);
    }
    const mapped = ADDRESS.exec(text);
    const address = mapped?.[1] ?? data?.[3];
    if (address !== undefined) command.page ??= pageOf(Number(address));
    if (mapped?.[2] === undefined || command.leftBytes <= 0) return;
    const sizeBytes = Number(mapped[2]);
    command.leftBytes -= sizeBytes;
    if (command.extents.length < this.limits.extents) {
      command.extents.push([deviceAddress(address), sizeBytes]);
    }
  }
}

/** The commands of a whole log. */
export function readControllerLog(text: string): readonly LoggedCommand[] {
  const log = new ControllerLog();
  text.split("\n").forEach((line, index) => log.push(line, index + 1));
  return log.commands;
}

/**
 * Pairs the commands of a trace with those of the controller's log.
 *
 * Command ids are reused, and requests that are sent at the same time can reach the controller in
 * another order than the driver mapped them. Commands with the same id, however, keep their order.
 * A command is paired only with a command of its id that does not contradict it in its blocks and
 * its first page. If several are alike, they are paired in order from the last backwards, because a
 * log begins before the trace.
 *
 * @param traced Commands in the order in which the driver mapped them.
 * @param logged Commands in the order in which the controller fetched them.
 */
export function pairCommands<Traced extends CommandFacts>(
  traced: readonly Traced[],
  logged: readonly LoggedCommand[],
): [traced: Traced, logged: LoggedCommand][] {
  const loggedBy = Map.groupBy(logged, idOf);
  return [...Map.groupBy(traced, idOf)].flatMap(([id, commands]) =>
    pairsOf(commands, loggedBy.get(id) ?? [])
  );
}

const idOf = ({ cid, queue }: CommandId) => `${queue} ${cid}`;

function pairsOf<Traced extends CommandFacts>(
  traced: readonly Traced[],
  logged: readonly LoggedCommand[],
): [Traced, LoggedCommand][] {
  const pairs: [Traced, LoggedCommand][] = [];
  let end = logged.length;
  for (let index = traced.length - 1; index >= 0; index--) {
    const command = traced[index]!;
    let at = end - 1;
    while (at >= 0 && !isSame(command, logged[at]!)) at--;
    if (at < 0) continue;
    pairs.push([command, logged[at]!]);
    end = at;
  }
  return pairs;
}

function isSame(a: CommandFacts, b: CommandFacts): boolean {
  return agree(a.extent, b.extent) && agree(a.page, b.page);
}

/** Whether two facts do not contradict each other. */
function agree<Fact>(a: Fact | undefined, b: Fact | undefined): boolean {
  return (a ?? null) === null || (b ?? null) === null || a === b;
}
