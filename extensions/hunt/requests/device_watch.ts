/**
 * Watches a device's accesses. Every transferred byte must lie in the memory of its request. No
 * list that the device reads may lie in that memory. No access may fault.
 *
 * Addresses are taken only from the page table and from the events of the bounce buffers. They are
 * not taken from the driver, because the driver wrote them.
 */
import { formatAddress } from "@dmalab/lang/text";
import {
  type BlockRequest,
  DMA_MAPPING_ERROR,
  type EventName,
  type Machine,
  type MachineEvent,
} from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";

const WATCHED: readonly EventName[] = [
  "nvme.data",
  "nvme.walk",
  "iommu.fault",
  "dma.report",
  "swiotlb.map",
  "swiotlb.unmap",
];

/** Warnings about problems on other hardware, which have no effect here. */
const TOLERATED: ReadonlySet<string> = new Set(["cacheline_overlap"]);

/** Memory that a request may use. */
export interface Extent {
  readonly phys: number;
  readonly sizeBytes: number;
}

export interface Sight {
  readonly kind: "fault" | "outside" | "list" | "report";
  readonly text: string;
  readonly request: number | null;
  readonly outside: (Extent & { readonly written: boolean }) | null;
}

interface Bounced {
  readonly tlbPhys: number;
  readonly origPhys: number;
  readonly sizeBytes: number;
}

export class DeviceWatch {
  /** The forbidden accesses observed in this step, the first of each kind. */
  readonly sights: Sight[] = [];
  /** The memory of callers, in which no list of a command may lie. */
  callers: readonly (readonly Extent[])[] = [];
  readonly #requests = new Map<number, BlockRequest>();
  readonly #bounced: Bounced[] = [];
  readonly #stepBytes: number;

  constructor(private readonly machine: Machine, private readonly dev: DmaDevice) {
    this.#stepBytes = Math.min(4096, machine.iommu.granuleBytes);
    machine.events.listen((event) => this.#see(event), WATCHED);
  }

  begin(callers: readonly (readonly Extent[])[]): void {
    this.sights.length = 0;
    this.callers = callers;
    this.#requests.clear();
  }

  /** Starts watching a request that has been submitted. */
  follow(request: BlockRequest): void {
    this.#requests.set(request.id, request);
  }

  #see(event: MachineEvent): void {
    const { request } = event;
    switch (event.name) {
      case "swiotlb.map": {
        const { tlb_phys: tlbPhys, orig_phys: origPhys, size_bytes: sizeBytes } = event.fields;
        this.#bounced.push({ tlbPhys, origPhys, sizeBytes });
        return;
      }
      case "swiotlb.unmap": {
        const { tlb_phys: tlb } = event.fields;
        const index = this.#bounced.findIndex(({ tlbPhys }) => tlbPhys === tlb);
        if (index >= 0) this.#bounced.splice(index, 1);
        return;
      }
      case "nvme.data": {
        const { dir, dma, size_bytes } = event.fields;
        this.#checkData(request, dma, size_bytes, dir === "from_device");
        return;
      }
      case "nvme.walk":
        this.#checkList(request, event.fields.dma);
        return;
      case "iommu.fault": {
        const { access, dma, reason } = event.fields;
        const at = dma === DMA_MAPPING_ERROR ? "an address of 2^53 or more" : formatAddress(dma);
        this.#saw("fault", request, `the device's ${access} at ${at} faults: ${reason}`);
        return;
      }
      case "dma.report": {
        const { class: name, text } = event.fields;
        if (TOLERATED.has(name)) return;
        this.#saw("report", request, `${name}: ${text}`);
      }
    }
  }

  #saw(kind: Sight["kind"], request: number | null, text: string): void {
    this.#add({ kind, request, text, outside: null });
  }

  #add(sight: Sight): void {
    if (this.sights.every(({ kind }) => kind !== sight.kind)) this.sights.push(sight);
  }

  #checkData(id: number | null, dma: number, sizeBytes: number, written: boolean): void {
    const request = id === null ? undefined : this.#requests.get(id);
    for (let done = 0; done < sizeBytes;) {
      const at = dma + done;
      const bytes = Math.min(sizeBytes - done, this.#stepBytes - at % this.#stepBytes);
      const origin = this.#origin(at, bytes, written ? "write" : "read");
      const stray = this.#stray(request, origin, bytes);
      if (stray !== null) {
        const what = written ? "writes" : "reads";
        const where = stray.phys < 0
          ? `its address ${formatAddress(at)}`
          : formatAddress(stray.phys);
        this.#add({
          kind: "outside",
          request: id,
          text:
            `the device ${what} ${stray.sizeBytes} bytes at ${where}, outside the request's buffers`,
          outside: stray.phys < 0 ? null : { ...stray, written },
        });
        return;
      }
      done += bytes;
    }
  }

  /** The part of an access that lies outside the request's memory, or null. */
  #stray(request: BlockRequest | undefined, phys: number, sizeBytes: number): Extent | null {
    if (request === undefined || phys < 0) return { phys, sizeBytes };
    let at = phys;
    const end = phys + sizeBytes;
    while (at < end) {
      const until = endOfOwn(request, at);
      if (until <= at) return { phys: at, sizeBytes: end - at };
      at = until;
    }
    return null;
  }

  #checkList(id: number | null, dma: number): void {
    const phys = this.#place(dma, "read");
    const stray = this.callers.some((memory) =>
      memory.some((own) => phys >= own.phys && phys < own.phys + own.sizeBytes)
    );
    if (!stray) return;
    const where = `at ${formatAddress(phys)}, in a caller's memory`;
    this.#saw("list", id, `the device reads its list ${where}`);
  }

  /** The physical address for a device address, or -1. */
  #place(dma: number, access: "read" | "write"): number {
    const peer = this.machine.peers?.resolveBusAddress(this.dev, dma, access) ?? -1;
    return peer >= 0 ? peer : this.machine.iommu.lookup(this.dev, dma);
  }

  /**
   * The physical address for a device address. For a bounce buffer, the address of the original
   * memory, or -1 if there is no original memory.
   */
  #origin(dma: number, sizeBytes: number, access: "read" | "write"): number {
    const phys = this.#place(dma, access);
    if (phys < 0 || !this.machine.swiotlb.contains(phys)) return phys;
    const home = this.#bounced.find(({ tlbPhys, sizeBytes: bytes }) =>
      phys >= tlbPhys && phys + sizeBytes <= tlbPhys + bytes
    );
    return home === undefined ? -1 : home.origPhys + (phys - home.tlbPhys);
  }
}

/** The end of the piece of a request's memory that contains an address; 0 if no piece contains it. */
function endOfOwn(request: BlockRequest, phys: number): number {
  const special = request.specialPayload;
  if (special !== null && phys >= special.phys && phys < special.phys + special.sizeBytes) {
    return special.phys + special.sizeBytes;
  }
  for (const bio of request.bios) {
    for (const vecs of [bio.vecs, bio.metadata]) {
      for (const vec of vecs) {
        if (phys >= vec.phys && phys < vec.phys + vec.sizeBytes) return vec.phys + vec.sizeBytes;
      }
    }
  }
  return 0;
}
