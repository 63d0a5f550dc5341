/** `--trace`: prints events as they happen, one line each, with colours by layer. */
import { type EventLayout, formatEvent, formatTitle, STREAM_LAYOUT } from "@dmalab/lang/render";
import { groupThousands, type Paint, type TextRole } from "@dmalab/lang/text";
import type { RunStart } from "@dmalab/lang/run";
import { hasLatencies, type MachineEvent } from "@dmalab/runtime";

/** Colours by the first part of an event's name. Other events have no colour. */
const ROLES: Readonly<Record<string, TextRole>> = {
  call: "strong",
  ret: "dim",
  iova: "iommu",
  iommu: "iommu",
  iotlb: "iommu",
  flush_queue: "iommu",
  swiotlb: "memory",
  mem: "memory",
  cache: "memory",
  nvme: "device",
  irq: "device",
  p2p: "device",
  pci: "device",
  dma: "good",
};

const ALARMS: ReadonlySet<string> = new Set([
  "iommu.fault",
  "dma.report",
  "kernel.warn",
  "swiotlb.full",
  "iova.alloc_failed",
  "inject",
]);

/** Prints the events of several machines, one machine after the other. */
export class TracePrinter {
  #layout: EventLayout;
  /** Depth of nested kernel calls. */
  #depth = 0;
  #lastSeq = Infinity;

  #charactersLeft: number;

  /**
   * @param mostCharacters Limit of the written characters, without colours. At the limit the trace ends with a
   *   message.
   * @param streamLayout The columns without the column for CPUs.
   */
  constructor(
    private readonly write: (line: string) => void,
    private readonly paint: Paint,
    private readonly mostCharacters: number,
    private readonly streamLayout: EventLayout = STREAM_LAYOUT,
  ) {
    this.#layout = streamLayout;
    this.#charactersLeft = mostCharacters;
  }

  /** A run starts. If each CPU has its own time, lines name the CPU. */
  run({ machine: { cpus, latenciesNs } }: RunStart): void {
    this.#layout = { ...this.streamLayout, cpu: cpus > 1 && hasLatencies({ latenciesNs }) };
  }

  print(event: MachineEvent): void {
    if (this.#charactersLeft < 0) return;
    // An event number that is not higher than the last one belongs to a new machine.
    if (event.seq <= this.#lastSeq) {
      this.#depth = 0;
      this.write(this.paint("dim", formatTitle(this.#layout)));
    }
    this.#lastSeq = event.seq;
    const returns = event.name.startsWith("ret.");
    if (returns && this.#depth > 0) this.#depth--;
    const line = formatEvent(event, this.#layout, returns ? this.#depth + 1 : this.#depth);
    this.write(this.paint(roleOf(event.name), line));
    this.#charactersLeft -= line.length;
    if (this.#charactersLeft < 0) {
      const most = groupThousands(2 * this.mostCharacters);
      this.write(
        this.paint("warning", `the trace ends here: --limit output-bytes=${most} shows more`),
      );
    }
    if (event.name.startsWith("call.")) this.#depth++;
  }
}

function roleOf(name: string): TextRole {
  if (ALARMS.has(name)) return "bad";
  return ROLES[name.slice(0, name.indexOf("."))] ?? "call";
}
