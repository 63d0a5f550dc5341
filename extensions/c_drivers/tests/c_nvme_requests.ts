/**
 * Sends random requests through the NVMe driver in C and through the simulated kernel's driver, and
 * compares the commands that the two controllers fetch. Two commands are equal if they refer to the
 * same memory, because this is all that a device sees of the driver's work.
 */
import { join } from "node:path";
import { versionOf } from "@dmalab/runtime/kernels";
import { HostLoader, HostTree } from "@dmalab/cli";
import { displayName, type Program, type RunOptions, runProgramWith } from "@dmalab/lang/run";
import { SourceFile } from "@dmalab/lang";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { eventId, Machine } from "@dmalab/runtime";
import { loadOpened } from "./c_together.ts";
import { ROOT } from "@dmalab/tests";

/** Scenario for the lab's driver in C. */
const SCENARIO = "extensions/c_drivers/drivers/nvme/requests.dma";
/** Scenario for the driver of a kernel tree. */
const TREE_SCENARIO = "extensions/c_drivers/drivers/nvme/tree/requests.dma";
const TREE = /^ {2}tree = ".*"$/m;
const KERNEL = /^ {2}kernel = ".*"$/m;
const COUNT = /^const requests = \d+$/m;
const SWIOTLB_MAP = eventId("swiotlb.map");
const COMMAND_WORDS = 16;
const PAGE = 4096;
const PRPS = PAGE / 8;
const BLOCK = 512;
const SGL_FLAG = 0x40;
const WRITE = 1;
const READ = 2;
/** Descriptor type for a last segment, which contains further descriptors. */
const LAST_SEGMENT = 0x30;

/** The result of one test. */
export interface RequestsOutcome {
  readonly name: string;
  readonly failure: string | null;
  /** Number of requests that both drivers have sent; `different`: the commands that differ. */
  readonly compared: number;
  readonly different: readonly string[];
  /** Number of commands by the format of their data pointers. */
  readonly formats: ReadonlyMap<string, number>;
}

/**
 * The scenario, with this many requests in each of its tests.
 *
 * @param tree The folder of a kernel tree with the driver that sends the requests. If it is left
 *   out, the lab's driver is used.
 */
export async function requestsProgram(count: number, tree?: string): Promise<Program> {
  const files = HostLoader.open(join(ROOT, tree === undefined ? SCENARIO : TREE_SCENARIO));
  if (typeof files === "string") throw new Error(files);
  const { entry, loader } = files;
  let text = entry.text.replace(COUNT, `const requests = ${count}`);
  if (tree !== undefined) {
    const { major, patch } = versionOf(new HostTree(tree));
    text = text.replace(TREE, () => `  tree = ${JSON.stringify(tree)}`)
      .replace(KERNEL, `  kernel = "${major}.${patch}"`);
  }
  const changed = new SourceFile(entry.name, text);
  const [loaded] = await loadOpened([{ entry: changed, loader }]);
  const { diagnostics, program } = loaded!;
  if (program === null) throw new Error(diagnostics[0]!.message);
  return program;
}

/**
 * Reads the memory to which a command refers, as its controller does. The result is physical addresses,
 * so it does not depend on an IOMMU or on lists.
 */
class CommandReader {
  constructor(private readonly machine: Machine, private readonly dev: DmaDevice) {}

  #phys(dma: number): number {
    return this.machine.iommu.lookup(this.dev, dma);
  }

  #wide(dma: number): number {
    const phys = this.#phys(dma);
    const { memory } = this.machine;
    return memory.readU32(phys as never) + memory.readU32(phys + 4 as never) * 2 ** 32;
  }

  /** Formats a command, without its id, the addresses of its lists and meaningless bytes. */
  read(words: Int32Array): string {
    const view = new DataView(words.buffer, words.byteOffset, COMMAND_WORDS * 4);
    const flags = view.getUint8(1);
    const length = (view.getUint16(48, true) + 1) * BLOCK;
    const dwords = [10, 11, 12, 13, 14, 15].map((dword) => view.getUint32(dword * 4, true));
    const data = flags === SGL_FLAG ? this.#sgl(view) : this.#prp(view, length);
    const head = [view.getUint8(0), flags, view.getUint32(4, true), wide(view, 16), ...dwords];
    return `${head.join(" ")} | ${data}`;
  }

  #prp(view: DataView, length: number): string {
    const [prp1, prp2] = [wide(view, 24), wide(view, 32)];
    const left = length - (PAGE - prp1 % PAGE);
    if (left <= 0) return `prp ${this.#phys(prp1)}, ${prp2}`;
    if (left <= PAGE) return `prp ${this.#phys(prp1)}, ${this.#phys(prp2)}`;
    const pages: string[] = [];
    let entries = Math.ceil(left / PAGE);
    let list = prp2;
    for (;;) {
      const more = entries > PRPS;
      const count = more ? PRPS - 1 : entries;
      const phys = Array.from({ length: count }, (_, at) => this.#phys(this.#wide(list + at * 8)));
      pages.push(phys.join(" "));
      if (!more) return `prp ${this.#phys(prp1)}, list ${pages.join(" > ")}`;
      list = this.#wide(list + (PRPS - 1) * 8);
      entries -= count;
    }
  }

  #sgl(view: DataView): string {
    const [address, length, type] = [wide(view, 24), view.getUint32(32, true), view.getUint8(39)];
    if (type !== LAST_SEGMENT) return `sgl ${this.#block(address, length, type)}`;
    const blocks = Array.from({ length: length / 16 }, (_, at) => {
      const end = this.#wide(address + at * 16 + 8);
      const size = end % 2 ** 32;
      return this.#block(this.#wide(address + at * 16), size, Math.floor(end / 2 ** 56));
    });
    return `sgl list ${blocks.join(" > ")}`;
  }

  /** Formats a range of DMA addresses by the memory pages to which it is mapped. */
  #block(address: number, length: number, type: number): string {
    const pages: number[] = [this.#phys(address)];
    for (let at = PAGE - address % PAGE; at < length; at += PAGE) {
      pages.push(this.#phys(address + at));
    }
    return `${type}:${length}@${pages.join(" ")}`;
  }
}

function wide(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/**
 * Runs the scenario's tests, and compares the commands of both drivers.
 *
 * @param machines Which machines are compared: all, or only the machines without bounced mappings.
 *   Each disk has separate bounce buffers, so commands with bounced mappings differ.
 * @param tell Receives each outcome when its test ends.
 * @param chosen Parts of the names of the tests to run (all if none is given), and the seed of the
 *   requests.
 */
export function runRequests(
  program: Program,
  machines: "unbounced" | "all" = "unbounced",
  tell: (outcome: RequestsOutcome) => void = () => {},
  chosen: Pick<RunOptions, "match" | "seed"> = {},
): readonly RequestsOutcome[] {
  let fetched = new Map<string, string[]>();
  let bounces = (): boolean => false;
  // Only the first machine of a test is observed. If a test has reports, it is repeated on other
  // machines to find the defect that causes them.
  let isFirst = true;
  const { markReady } = Machine.prototype;
  Machine.prototype.markReady = function (this: Machine) {
    markReady.call(this);
    if (!isFirst) return;
    isFirst = false;
    bounces = () => this.events.count(SWIOTLB_MAP) > 0;
    fetched = new Map();
    watchFetches(this, fetched);
  };
  const found: RequestsOutcome[] = [];
  try {
    runProgramWith(null, program, {
      ...chosen,
      only: "tests",
      // The causes of reports are not searched for.
      attributeDefects: false,
      limits: { ...DEFAULT_LIMITS, steps: 1e12 },
      onOutcome(test) {
        isFirst = true;
        const compared = comparison(fetched, machines === "all" || !bounces());
        const failure = test.failure?.message ?? null;
        const outcome = { name: displayName(test), failure, ...compared };
        found.push(outcome);
        tell(outcome);
      },
    });
  } finally {
    Machine.prototype.markReady = markReady;
  }
  return found;
}

/** Records every read and write command that a controller fetches from its I/O queue, by device. */
function watchFetches(machine: Machine, fetched: Map<string, string[]>): void {
  const { bus } = machine;
  const readWords = bus.readWords.bind(bus);
  const note = (dev: DmaDevice, words: Int32Array): void => {
    const opcode = words[0]! & 0xff;
    const isData = words.length === COMMAND_WORDS && words[1] === 1 &&
      (opcode === WRITE || opcode === READ);
    if (!isData) return;
    const list = fetched.getOrInsertComputed(dev.name, () => []);
    list.push(new CommandReader(machine, dev).read(words));
  };
  bus.readWords = (dev, dma, into, point) => {
    const ok = readWords(dev, dma, into, point);
    if (ok) note(dev, into);
    return ok;
  };
}

function comparison(fetched: ReadonlyMap<string, string[]>, compares: boolean) {
  const theirs = fetched.get("ssd") ?? [];
  const ours = fetched.get("ours") ?? [];
  const formats = new Map<string, number>();
  for (const command of theirs) {
    const format = /\| (?:sgl|prp)(?: list)?|, list/g;
    const name = (command.match(format) ?? []).join("").replace("| ", "");
    formats.set(name, (formats.get(name) ?? 0) + 1);
  }
  const compared = compares ? Math.max(theirs.length, ours.length) : 0;
  const different: string[] = [];
  for (let at = 0; at < compared; at++) {
    if (theirs[at] !== ours[at]) different.push(`C: ${theirs[at]}\nsimulated: ${ours[at]}`);
  }
  return { compared, different, formats };
}
