/**
 * The registers that a driver has mapped. A driver that uses registers behind the end of a BAR, or maps ports as
 * memory, expects other BARs than its device has.
 */
import { formatSize } from "@dmalab/lang/text";
import type { Bar } from "@dmalab/devices";
import type { PhysAddr } from "@dmalab/runtime";
import { CPorts } from "./c_ports.ts";
import { type CKernel, hex } from "./c_kernel.ts";

/** The largest BAR that a driver's use of registers asks for. */
const MOST_BYTES = 2 ** 26;
const BEHIND = /: behind the end of BAR (\d), which needs (\d+) bytes for it/;
const AS_MEMORY = /: BAR (\d) has these ports, which the driver maps as memory/;

const PAGE_BYTES = 4096;

function pageOf(at: number): number {
  return Math.floor(at / PAGE_BYTES);
}

interface Window {
  readonly phys: number;
  readonly end: number;
}

/** The BARs whose registers a driver has used behind their end, with the size that they need, from the lines of a run. */
export function neededSizes(lines: readonly string[]): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const line of lines) {
    const [, bar, sizeBytes] = BEHIND.exec(line) ?? [];
    if (bar === undefined) continue;
    found.set(Number(bar), Math.max(Number(sizeBytes), found.get(Number(bar)) ?? 0));
  }
  return found;
}

/** The BARs of ports that a driver has mapped as memory, from the lines of a run. */
export function takenForMemory(lines: readonly string[]): ReadonlySet<number> {
  return new Set(lines.flatMap((line) => {
    const bar = AS_MEMORY.exec(line)?.[1];
    return bar === undefined ? [] : [Number(bar)];
  }));
}

export class CWindows {
  readonly #windows: Window[] = [];
  /** The window of the last access. */
  #last: Window = { phys: 0, end: 0 };
  readonly #reported = new Set<string>();

  constructor(readonly kernel: CKernel) {}

  /** Notes that a driver maps addresses. */
  map(phys: number, sizeBytes: number): void {
    this.#windows.push({ phys, end: phys + sizeBytes });
    const ports = this.kernel.part(CPorts);
    // Ports lie in few pages, and a mapping that begins at 0 is no BAR's.
    const bar = this.#bars().find((each) =>
      each.kind === "io" && ports.portOf(each) >= phys &&
      pageOf(ports.portOf(each)) === pageOf(phys)
    );
    if (bar === undefined) return;
    this.#say(`${hex(phys)}: BAR ${bar.index} has these ports, which the driver maps as memory`);
  }

  /** Called when C reads or writes a register. */
  touch(phys: PhysAddr, sizeBytes: number): void {
    const isIn = ({ end, phys: from }: Window) => phys >= from && phys + sizeBytes <= end;
    if (isIn(this.#last)) return;
    const found = this.#windows.findLast(isIn);
    if (found === undefined) this.#reportBehind(phys + sizeBytes);
    else this.#last = found;
  }

  /** Reports an access that ends behind the BAR whose mapping is the nearest one before it. */
  #reportBehind(end: number): void {
    const before = this.#windows.filter(({ phys }) => phys < end)
      .reduce<Window | null>(
        (best, each) => best !== null && best.phys > each.phys ? best : each,
        null,
      );
    const bar = before === null
      ? undefined
      : this.#bars().find(({ basePhys, kind, sizeBytes }) =>
        kind !== "io" && before.phys >= basePhys && before.phys < basePhys + sizeBytes
      );
    if (bar === undefined) return;
    const wantedBytes = 2 ** Math.ceil(Math.log2(end - bar.basePhys));
    if (wantedBytes <= bar.sizeBytes || wantedBytes > MOST_BYTES) return;
    this.#say(
      `${
        hex(end - 1 - bar.basePhys)
      }: behind the end of BAR ${bar.index}, which needs ${wantedBytes} bytes for it ` +
        `(\`bars = "${bar.index} mem32 ${formatSize(wantedBytes)}"\`) ${this.kernel.place.text}`,
    );
  }

  #bars(): readonly Bar[] {
    return [...this.kernel.context.lab.devices.values()].flatMap(({ function: { bars } }) => bars);
  }

  #say(text: string): void {
    if (this.#reported.has(text)) return;
    this.#reported.add(text);
    this.kernel.context.print(`info: ${text}`);
  }
}
