/** Counts what a bench does in its counted turns, from counters and from the fields of its events. */
import type { EventListener } from "@dmalab/runtime";
import { summariseLatencies } from "../bench/distribution.ts";
import type { BenchTally } from "../bench/figures.ts";
import type { SimulatedMachine } from "../values/simulated_machine.ts";
import type { BusyTime } from "./report.ts";

/** When a request began, and when its last event was so far. */
interface RequestTimes {
  readonly startNs: number;
  endNs: number;
  isComplete: boolean;
}

/** Listens to a machine from its making on, until it is stopped. */
export class TurnCounter {
  /** How long each CPU and each device worked in these turns; empty before the end. */
  busy: readonly BusyTime[] = [];
  readonly #before: Float64Array;
  readonly #busyBefore: ReadonlyMap<string, number>;
  readonly #startNs: number;
  #turnNs: number;
  readonly #turnsNs: number[] = [];
  readonly #requests = new Map<number, RequestTimes>();
  #entries = 0;
  #iotlbMisses = 0;
  #copiedBytes = 0;
  #memoryBytes = 0;
  #treeAllocs = 0;
  readonly #stopListening: () => void;

  constructor(readonly machine: SimulatedMachine) {
    this.#before = machine.stream.counts.slice();
    this.#busyBefore = machine.busyNs();
    this.#startNs = this.#turnNs = machine.nowNs();
    this.#stopListening = machine.listen(this.#heard);
  }

  turnEnded(): void {
    const nowNs = this.machine.nowNs();
    this.#turnsNs.push(nowNs - this.#turnNs);
    this.#turnNs = nowNs;
  }

  /** What was counted; nothing more is. */
  stop(): BenchTally {
    this.#stopListening();
    const virtualNs = this.machine.nowNs() - this.#startNs;
    this.busy = [...this.machine.busyNs()].map(([name, ns]) => ({
      name,
      busyNs: ns - (this.#busyBefore.get(name) ?? 0),
    }));
    const requests = [...this.#requests.values()].filter(({ isComplete }) => isComplete);
    return {
      counts: Object.fromEntries(this.machine.stream.countsSince(this.#before)),
      entries: this.#entries,
      iotlbMisses: this.#iotlbMisses,
      copiedBytes: this.#copiedBytes,
      memoryBytes: this.#memoryBytes,
      treeAllocs: this.#treeAllocs,
      virtualNs,
      latency: requests.length > 0
        ? summariseLatencies("request", requests.map(({ endNs, startNs }) => endNs - startNs))
        : summariseLatencies("iteration", this.#turnsNs),
    };
  }

  readonly #heard: EventListener = (event) => {
    if (event.request !== null) this.#request(event.request, event.at_ns, event.name);
    switch (event.name) {
      case "iommu.map":
      case "iommu.unmap":
        for (const [, count] of event.fields.leaves) this.#entries += count;
        break;
      case "iommu.translate":
        if (event.fields.hit === "walk") this.#iotlbMisses++;
        break;
      case "swiotlb.copy":
        this.#copiedBytes += event.fields.size_bytes;
        break;
      case "mem.alloc":
        this.#memoryBytes += event.fields.size_bytes;
        break;
      case "iova.alloc":
        if (event.fields.source !== "rcache") this.#treeAllocs++;
        break;
      default:
        break;
    }
  };

  #request(request: number, atNs: number, name: string): void {
    const times = this.#requests.get(request);
    if (times === undefined) {
      this.#requests.set(request, { startNs: atNs, endNs: atNs, isComplete: false });
      return;
    }
    if (atNs > times.endNs) times.endNs = atNs;
    if (name === "nvme.complete") times.isComplete = true;
  }
}
