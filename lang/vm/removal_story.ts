/**
 * Summarises the removal of a driver in a few lines: mappings that ended, and accesses of the
 * device.
 */
import type { Lab } from "@dmalab/devices";
import type { MachineEvent } from "@dmalab/runtime";
import { formatAddress, formatCount, formatSize } from "../text/numbers.ts";
import { type Span, spanPlace } from "../source.ts";

/** Limit of the lines of a story. */
const LINES = 14;

interface StoryRun {
  siteSpan(site: number): Span | null;
}

/** A line, and how often it is repeated. */
interface StoryLine {
  readonly text: string;
  times: number;
}

export class RemovalStory {
  readonly #lines: StoryLine[] = [];
  #isRemoved = false;
  #hasFirst = false;

  constructor(readonly lab: Lab, readonly run: StoryRun) {}

  /** Marks the end of the removal: later lines begin with `after the removal:`. */
  removed(): void {
    this.#isRemoved = true;
  }

  add(event: MachineEvent): void {
    const text = this.#textOf(event);
    if (text === null) return;
    const when = this.#isRemoved ? "after the removal: " : "";
    const line = `${when}${text}`;
    const last = this.#lines.at(-1);
    if (last?.text === line) last.times++;
    else this.#lines.push({ text: line, times: 1 });
  }

  #textOf(event: MachineEvent): string | null {
    const { device, site } = event;
    switch (event.name) {
      case "dma.unmap": {
        const { api, dma, size_bytes } = event.fields;
        return this.#ended(`${api}() of ${range(dma, size_bytes)}`, device, site);
      }
      case "call.dma_free_coherent":
        return this.#ended(`dma_free_coherent() of ${formatSize(event.fields.size)}`, device, site);
      case "driver.free_irq":
        return this.#at(`${device}: its interrupt handler is freed`, site);
      case "driver.bus_master":
        return this.#at(`${device}: bus mastering ${event.fields.on ? "on" : "off"}`, site);
      case "iommu.fault": {
        const { access, dma, reason } = event.fields;
        return `${device} ${PAST[access]} ${formatAddress(dma)}: fault ${reason}`;
      }
      case "iommu.translate": {
        const { access, dma, hit } = event.fields;
        return `${device} ${PAST[access]} ${formatAddress(dma)}${STALE[hit] ?? ""}`;
      }
      case "irq":
        return `${device} raises vector ${event.fields.vector}`;
      default:
        return null;
    }
  }

  /**
   * The line for a mapping that ended. The first such line also contains the state of bus
   * mastering.
   */
  #ended(what: string, device: string | null, site: number | null): string {
    const line = this.#at(`${device}: ${what}`, site);
    if (this.#hasFirst) return line;
    this.#hasFirst = true;
    const master = device === null ? null : this.lab.devices.get(device)?.dma.busMaster ?? null;
    const state = master === null ? "never switched on by the driver" : master ? "on" : "off";
    return `${line}: the first mapping to go, with bus mastering ${state}`;
  }

  #at(what: string, site: number | null): string {
    const span = site === null ? null : this.run.siteSpan(site);
    return span === null ? what : `${what} at ${spanPlace(span)}`;
  }

  /** The lines, for the notes of a failure. */
  lines(): readonly string[] {
    const all = this.#lines.map(({ text, times }) =>
      times === 1 ? `  ${text}` : `  ${text} (${formatCount(times, "time")})`
    );
    if (all.length === 0) {
      return ["the removal ends no mapping, and the device does nothing in it"];
    }
    const rest = all.length - LINES;
    return [
      "in the removal:",
      ...all.slice(0, LINES),
      ...rest > 0 ? [`  and ${formatCount(rest, "more step")}`] : [],
    ];
  }
}

const STALE: Readonly<Record<string, string>> = {
  stale: ", by a stale IOTLB entry",
  stale_device_tlb: ", by a stale entry of its own cache",
};

const PAST = { read: "reads", write: "writes" } as const;

function range(dma: number, sizeBytes: number): string {
  return `${formatSize(sizeBytes)} at ${formatAddress(dma)}`;
}
