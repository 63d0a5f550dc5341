/**
 * Memory of a device's BAR, without pages, that is shared with other devices as a dma-buf. It is
 * exported, attached, mapped for each importer, and revoked.
 *
 * Mapping was verified with random ranges against `dma_buf_phys_vec_to_sgt()` of 7.3.4
 * (`dma_buf_random.dma` of the tree's drivers).
 *
 * @see rules/p2p.md 9.6, 9.8, 9.10
 */
import {
  type Bytes,
  type DmaAddr,
  ERRNO,
  errnoName,
  eventId,
  invariant,
  KernelError,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import {
  type AccessWatcher,
  DMA_ATTR,
  type DmaDevice,
  type DmaDirection,
  DmaIovaState,
  type PeerRouter,
} from "@dmalab/runtime/dma";
import type { PciFunction } from "../pci_function.ts";
import type { PeerProviders } from "./peer_providers.ts";
import type { PeerRoutes } from "./peer_routes.ts";

const MAP = eventId("dma_buf.map");
const UNMAP = eventId("dma_buf.unmap");
const REVOKE = eventId("dma_buf.revoke");

const { MMIO } = DMA_ATTR;

/** A part of a BAR. */
export interface SharedRange {
  readonly phys: PhysAddr;
  readonly sizeBytes: Bytes;
}

/** A part of shared memory with its address for an importer's device. */
export interface SharedEntry {
  readonly dma: DmaAddr;
  readonly sizeBytes: Bytes;
}

/** How an importer accesses shared memory: by bus addresses, or through the host bridge. */
export type SharingKind = "bus_addr" | "thru_host_bridge" | "not_supported";

/** A device with its function. */
export interface SharingDevice {
  readonly name: string;
  readonly dma: DmaDevice;
  readonly function: PciFunction;
}

/** The parts of the machine that sharing needs. */
export interface SharingLab {
  readonly machine: Machine;
  readonly topology: PeerRouter & {
    readonly providers: PeerProviders;
    readonly routes: PeerRoutes;
  };
}

/** Exported memory: parts of one BAR. */
export class SharedMemory implements AccessWatcher {
  readonly attachments: SharedAttachment[] = [];
  /** Whether the exporter has revoked the memory, which then cannot be mapped any more. */
  revoked = false;
  readonly #told = new Set<SharedAttachment>();

  constructor(
    readonly lab: SharingLab,
    readonly exporter: SharingDevice,
    readonly ranges: readonly SharedRange[],
  ) {
    const error = lab.topology.providers.register(exporter.function);
    if (error !== 0) {
      throw new KernelError(errnoName(error), `"${exporter.name}" cannot provide memory`);
    }
    // From here on accesses must be routed: a switch may route an access directly to this memory.
    lab.machine.peers ??= lab.topology;
  }

  get sizeBytes(): Bytes {
    return this.ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** Importers that have mapped the memory. */
  get mapped(): readonly SharedAttachment[] {
    return this.attachments.filter(({ entries }) => entries !== null);
  }

  /** Attaches a device as an importer, without mapping anything yet. */
  attach(importer: SharingDevice): SharedAttachment {
    this.assertHeld(importer);
    const attachment = new SharedAttachment(this, importer);
    this.attachments.push(attachment);
    return attachment;
  }

  /**
   * Revokes the memory. Importers must unmap it first: each mapping that remains stays in place,
   * and is reported.
   */
  revoke(): void {
    const { machine } = this.lab;
    const { mapped } = this;
    this.revoked = true;
    const { checker, events, iommu } = machine;
    const outer = events.context.enterDevice(this.exporter.name);
    if (events.tick(REVOKE)) {
      events.emit(REVOKE, {
        exporter: this.exporter.name,
        size_bytes: this.sizeBytes,
        importers: mapped.map(({ importer }) => importer.name),
      }, { rule: "p2p.9.8", inputs: { attachments: this.attachments.length } });
    }
    for (const { phys, sizeBytes } of this.ranges) {
      checker?.peers.revoked(iommu, this.exporter.name, phys, sizeBytes, "revokes a dma-buf");
    }
    for (const { importer, kind } of mapped) {
      if (kind === "bus_addr") {
        checker?.peers.revokedOnBus(importer.dma, this.exporter.name, this.sizeBytes);
      }
    }
    machine.accessWatchers.push(this);
    events.context.leaveDevice(outer);
  }

  /**
   * Called when a device accesses memory: reports the first access of each importer after the
   * revocation.
   */
  accessed(dev: DmaDevice, dma: number, phys: PhysAddr, sizeBytes: Bytes): void {
    const end = phys + sizeBytes;
    if (!this.ranges.some((each) => phys < each.phys + each.sizeBytes && each.phys < end)) return;
    const attachment = this.attachments.find(({ importer }) => importer.dma === dev);
    if (attachment === undefined || this.#told.has(attachment)) return;
    this.#told.add(attachment);
    this.lab.machine.checker?.peers.usedAfterRevoke(dev, dma, this.exporter.name);
  }

  /** @throws {KernelError} ENODEV after a revocation. */
  assertHeld({ name }: SharingDevice): void {
    if (!this.revoked) return;
    throw new KernelError(
      "ENODEV",
      `"${name}" asks for memory that "${this.exporter.name}" revoked`,
    );
  }
}

/** An importer of shared memory. */
export class SharedAttachment {
  /** The mapped entries; null without a mapping. */
  entries: readonly SharedEntry[] | null = null;
  #state: DmaIovaState | null = null;
  #dir: DmaDirection = 0;
  #mappedKind: SharingKind = "not_supported";

  constructor(readonly memory: SharedMemory, readonly importer: SharingDevice) {}

  /** How the importer accesses the memory; while the memory is mapped, this does not change. */
  get kind(): SharingKind {
    if (this.entries !== null) return this.#mappedKind;
    const { exporter, lab } = this.memory;
    return lab.topology.routes.expectedKind(exporter.function, this.importer.function);
  }

  /**
   * Maps all ranges. They are mapped by bus addresses, or as one IOVA range through the host
   * bridge, or, without translation, by a separate mapping for each range.
   *
   * @throws {KernelError} EINVAL if the device cannot reach the memory; ENODEV after a revocation;
   *   the error of a failed call, after all earlier ranges were unmapped.
   */
  map(dir: DmaDirection): readonly SharedEntry[] {
    const { exporter, lab: { machine, topology }, sizeBytes, ranges } = this.memory;
    this.memory.assertHeld(this.importer);
    const kind = topology.routes.kind(exporter.function, this.importer.function);
    this.#mappedKind = kind;
    const { events } = machine;
    const outer = events.context.enterDevice(this.importer.name);
    const result = kind === "not_supported" ? -ERRNO.EINVAL : this.#map(kind, dir);
    this.#dir = dir;
    const error = typeof result === "number" ? errnoName(-result) : null;
    if (typeof result !== "number") this.entries = result;
    if (events.tick(MAP)) {
      events.emit(MAP, {
        exporter: exporter.name,
        map_type: kind,
        size_bytes: sizeBytes,
        ranges: ranges.length,
        entries: this.entries?.length ?? 0,
        error,
      }, {
        rule: "p2p.9.10",
        inputs: {
          iova: this.#state !== null,
          linked_at_start: machine.kernel.dma_buf_ranges_at_start,
        },
      });
    }
    events.context.leaveDevice(outer);
    if (error === null) return this.entries!;
    throw new KernelError(
      error,
      `"${this.importer.name}" cannot map the memory of "${exporter.name}"`,
    );
  }

  #map(
    kind: Exclude<SharingKind, "not_supported">,
    dir: DmaDirection,
  ): readonly SharedEntry[] | number {
    const { exporter, lab, ranges, sizeBytes } = this.memory;
    const { checker, dma, kernel } = lab.machine;
    if (kind === "bus_addr") {
      const { busOffset } = exporter.function.hostBridge;
      return ranges.map(({ phys, sizeBytes }) => {
        checker?.peers.onBus(this.importer.dma, phys + busOffset, sizeBytes);
        return { dma: phys + busOffset as DmaAddr, sizeBytes };
      });
    }
    const state = new DmaIovaState();
    if (
      kernel.no_two_step || !dma.dmaIovaTryAlloc(this.importer.dma, state, 0 as PhysAddr, sizeBytes)
    ) {
      return this.#mapSingly(dir);
    }
    let linkedBytes = 0;
    for (const range of ranges) {
      const offset = kernel.dma_buf_ranges_at_start ? 0 : linkedBytes;
      const error = dma.dmaIovaLink(
        this.importer.dma,
        state,
        range.phys,
        offset,
        range.sizeBytes,
        dir,
        MMIO,
      );
      if (error !== 0) {
        dma.dmaIovaDestroy(this.importer.dma, state, linkedBytes, dir, MMIO);
        return error;
      }
      linkedBytes += range.sizeBytes;
    }
    invariant(linkedBytes === sizeBytes, "A part of the shared memory is not linked");
    const error = dma.dmaIovaSync(this.importer.dma, state, 0, linkedBytes);
    if (error !== 0) {
      dma.dmaIovaDestroy(this.importer.dma, state, linkedBytes, dir, MMIO);
      return error;
    }
    this.#state = state;
    return [{ dma: state.addr, sizeBytes }];
  }

  #mapSingly(dir: DmaDirection): readonly SharedEntry[] | number {
    const { dma } = this.memory.lab.machine;
    const entries: SharedEntry[] = [];
    for (const { phys, sizeBytes } of this.memory.ranges) {
      const at = dma.dmaMapPhys(this.importer.dma, phys, sizeBytes, dir, MMIO);
      const error = dma.dmaMappingError(this.importer.dma, at);
      if (error === 0) {
        entries.push({ dma: at, sizeBytes });
        continue;
      }
      for (const each of entries) {
        dma.dmaUnmapPhys(this.importer.dma, each.dma, each.sizeBytes, dir, MMIO);
      }
      return error;
    }
    return entries;
  }

  /** Unmaps all ranges; has no effect if nothing is mapped. */
  unmap(): void {
    const { entries, importer } = this;
    if (entries === null) return;
    const { exporter, lab: { machine }, sizeBytes } = this.memory;
    const { checker, dma, events } = machine;
    const outer = events.context.enterDevice(importer.name);
    this.entries = null;
    if (this.#state !== null) {
      dma.dmaIovaDestroy(importer.dma, this.#state, sizeBytes, this.#dir, MMIO);
      this.#state = null;
    } else if (this.#mappedKind === "bus_addr") {
      for (const each of entries) checker?.peers.offBus(importer.dma, each.dma, each.sizeBytes);
    } else {
      for (const each of entries) {
        dma.dmaUnmapPhys(importer.dma, each.dma, each.sizeBytes, this.#dir, MMIO);
      }
    }
    if (events.tick(UNMAP)) {
      events.emit(UNMAP, { exporter: exporter.name, size_bytes: sizeBytes });
    }
    events.context.leaveDevice(outer);
  }
}
