/**
 * What the model frees, in the lines of a history: compared with the record one by one, each
 * CPU's lines in their order.
 */
import { type Machine, type MachineEvent, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import type { Fields } from "./capture_words.ts";
import type { HistoryEvent, Probes } from "./kernel_data.ts";

/** Lines that say that something was freed, or what that led to. */
const LINES: ReadonlySet<string> = new Set([
  "release",
  "free",
  "free_tree",
  "swiotlb_unmap",
  "iotlb_flush_all",
]);

/** True for a line that the model must have an answer to, unless it is the work of others. */
export function tellsOfRelease([kind]: HistoryEvent): boolean {
  return LINES.has(kind);
}

/** Lines that the model has made and the record has not reached yet. */
export class HistoryLines {
  readonly #pending = new Map<number, HistoryEvent[]>();
  /** The call under way has parked a range; what it frees after that was parked before. */
  #parked = false;
  #inTimer = false;

  /** @param probes Which lines the record has. */
  constructor(machine: Machine, private readonly probes: Probes) {
    machine.events.listen((event) => this.#hear(event));
  }

  /** The next line that the model has for a CPU, taken from its list; or null. */
  next(cpu: number): HistoryEvent | null {
    return this.#pending.get(cpu)?.shift() ?? null;
  }

  /** Lines that the record does not have. */
  get left(): readonly HistoryEvent[] {
    return [...this.#pending.values()].flat();
  }

  /** Whether what happens now is the flush timer's. */
  get isInTimer(): boolean {
    return this.#inTimer;
  }

  /** Does what the flush timer does, which frees what was asked for before; or what interrupts it. */
  inTimer(inTimer: boolean, work: () => void): void {
    const outer = this.#inTimer;
    this.#inTimer = inTimer;
    work();
    this.#inTimer = outer;
  }

  #hear({ cpu, fields, name }: MachineEvent): void {
    const given = fields as Fields;
    const number = (field: string) => given[field] as number;
    if (name.startsWith("call.")) this.#parked = false;
    else if (name === "swiotlb.unmap") {
      this.#tell(cpu, "swiotlb_unmap", number("tlb_phys"), number("size_bytes"));
    } else if (name === "iotlb.sync") {
      if (this.#inTimer && given.kind === "all") this.#tell(cpu, "iotlb_flush_all");
    } else if (name === "iova.free") {
      this.#freed(cpu, number("start"), number("size_bytes"), String(given.to));
    }
  }

  #freed(cpu: number, start: number, sizeBytes: number, to: string): void {
    const parks = to === "flush_queue";
    const isAskedFor = parks || (!this.#parked && !this.#inTimer);
    if (isAskedFor && this.probes.releases) this.#tell(cpu, "release", start, sizeBytes);
    if (parks) {
      this.#parked = true;
      return;
    }
    const pfn = start / PAGE_SIZE_BYTES;
    this.#tell(cpu, "free", pfn, sizeBytes / PAGE_SIZE_BYTES);
    if (to === "tree") this.#tell(cpu, "free_tree", pfn);
  }

  #tell(cpu: number, kind: string, ...values: readonly number[]): void {
    const line: HistoryEvent = [kind, cpu, ...values];
    this.#pending.getOrInsertComputed(cpu, () => []).push(line);
  }
}
