/** I/O ports: each I/O BAR of the machine has a range of ports, assigned as by firmware. */
import type { Bar } from "@dmalab/devices";
import type { PhysAddr } from "@dmalab/runtime";
import { PORTS } from "./c_addresses.ts";
import { type CKernel, hex } from "./c_kernel.ts";

/** Ports below this one belong to a PC's own devices. */
const FIRST_PORT = 0x1000;
/** The largest size of an I/O BAR. */
const RANGE_PORTS = 256;

/** A message about a BAR of memory whose addresses a driver uses as ports. */
const TAKEN_FOR_PORTS = /: it is memory of BAR (\d), which the driver takes for ports/;

/** The BARs of memory that a driver has used as ports, from the lines of a run. */
export function takenForPorts(lines: readonly string[]): ReadonlySet<number> {
  return new Set(lines.flatMap((line) => {
    const bar = TAKEN_FOR_PORTS.exec(line)?.[1];
    return bar === undefined ? [] : [Number(bar)];
  }));
}

export class CPorts {
  readonly #bars: readonly Bar[];

  /** Ports without a device that have been reported. */
  readonly #reported = new Set<string>();

  constructor(readonly kernel: CKernel) {
    this.#bars = this.#all().filter(({ kind }) => kind === "io");
  }

  /** The first port of an I/O BAR; 0 if no ports are left. */
  portOf(bar: Bar): number {
    const port = FIRST_PORT + RANGE_PORTS * this.#bars.indexOf(bar);
    return port + RANGE_PORTS > PORTS ? 0 : port;
  }

  /**
   * The physical address of a port's bytes; null if no I/O BAR has the port. The first access to such
   * a port prints a message.
   */
  physOf(port: number, sizeBytes: number): PhysAddr | null {
    const bar = this.#bars[Math.floor((port - FIRST_PORT) / RANGE_PORTS)];
    const offset = port % RANGE_PORTS;
    if (
      port >= FIRST_PORT && port < PORTS && bar !== undefined && offset + sizeBytes <= bar.sizeBytes
    ) return bar.basePhys + offset as PhysAddr;
    this.#report(port);
    return null;
  }

  #report(port: number): void {
    const { context, place } = this.kernel;
    const text = `I/O port ${hex(port)} is no device's${this.#memoryAt(port)} ${place.text}`;
    if (this.#reported.has(text)) return;
    this.#reported.add(text);
    context.print(`info: ${text}`);
  }

  /** If the driver uses an address in a memory BAR as a port: a text that names this BAR. */
  #memoryAt(port: number): string {
    const bar = this.#all().find(({ basePhys, kind, sizeBytes }) =>
      kind !== "io" && port >= basePhys && port < basePhys + sizeBytes
    );
    return bar === undefined
      ? ""
      : `: it is memory of BAR ${bar.index}, which the driver takes for ports (\`bars = "${bar.index} io 256B"\`)`;
  }

  #all(): readonly Bar[] {
    return [...this.kernel.context.lab.devices.values()].flatMap(({ function: { bars } }) => bars);
  }
}
