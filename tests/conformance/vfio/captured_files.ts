/** The files of a captured process: a container, and the groups of three devices; and what the IOMMU was told. */
import { ERRNO, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { KernelName } from "@dmalab/runtime/kernels";
import { testBench } from "@dmalab/runtime/testing";
import {
  ContainerFile,
  type ContainerTable,
  domainTable,
  GroupFile,
  type MappingProcess,
  type TestMemory,
  Type1Container,
  type Type1Options,
} from "@dmalab/devices/vfio_container";

/** Errno of a call on a file that is not open. */
const EBADF = 9;
const CAPTURED_BITS = 48;

/** The IOMMU of a capture that recorded its events. */
export type CapturedIommu = "vtd" | "smmu";

/**
 * What an IOMMU was told since the last call: `+IOVA:PAGES:FRAME` a map, `-IOVA:PAGES` an unmap,
 * `fIOVA:PAGES` an invalidation, `a0` that the device of the first group was attached somewhere, once for several in a row.
 */
export class IommuEvents implements TestMemory {
  #events: string[] = [];
  /** The first frame of the kernel's memory for the test of a page table. */
  testFrame = 0;

  take(): PhysAddr {
    return this.testFrame * PAGE_SIZE_BYTES as PhysAddr;
  }

  free(): void {}

  get text(): string {
    return this.#events.join(" ") || "-";
  }

  forget(): void {
    this.#events = [];
  }

  attach(group: number): void {
    const text = `a${group}`;
    if (this.#events.at(-1) !== text) this.#events.push(text);
  }

  /** The table of a new container, on a machine. Only VT-d's driver since 6.12 records invalidations. */
  tableOn(model: CapturedIommu, kernel: KernelName): ContainerTable {
    const hasSyncs = model === "vtd" && kernel !== "6.1";
    const { dev, machine } = testBench({
      machine: { kernel },
      iommu: { model, addressBits: CAPTURED_BITS, cachingMode: false },
    });
    machine.iommu.groups.unbindDriver(dev);
    if (machine.iommu.groups.claim(dev) !== 0) throw new Error("The device is not free");
    machine.events.listen(({ fields, name }) => {
      const event = fields as Readonly<Record<string, number>>;
      const pages = hex(event.size_bytes! / PAGE_SIZE_BYTES);
      if (name === "iommu.map") {
        this.#events.push(`+${hex(event.iova!)}:${pages}:${hex(event.phys! / PAGE_SIZE_BYTES)}`);
      } else if (name === "iommu.unmap") this.#events.push(`-${hex(event.iova!)}:${pages}`);
      else if (name === "iotlb.sync" && hasSyncs) {
        // The tracepoint of a map comes after the invalidation of a table that the map replaces, and the
        // event before it.
        const later = this.#events.at(-1)?.startsWith("+") ? this.#events.splice(-1) : [];
        this.#events.push(`f${hex(event.start!)}:${pages}`, ...later);
      }
    });
    return domainTable(dev.group!.userDomain!, dev.coherent);
  }
}

function hex(value: number): string {
  return value.toString(16);
}

export class CapturedFiles {
  readonly #process: MappingProcess;
  readonly #options: () => Type1Options;
  readonly #events: IommuEvents;
  #container: ContainerFile | null = null;
  /** The files of groups that were ever opened. */
  readonly #groups = new Map<number, GroupFile>();
  /** Groups whose device is open. */
  readonly #devices = new Set<number>();

  /** @param options The settings of a new container. */
  constructor(process: MappingProcess, options: () => Type1Options, events: IommuEvents) {
    this.#process = process;
    this.#options = options;
    this.#events = events;
  }

  /** A container with the first group and its IOMMU. */
  openContainer(): void {
    for (const kind of ["open", "set_container", "set_iommu", "get_device"]) this.call(kind, 0);
  }

  /** The areas, or the errno of a call without them. */
  get selected(): Type1Container | number {
    if (this.#container === null) return EBADF;
    return this.#container.type1 ?? ERRNO.EINVAL;
  }

  /** The errno of a call about files; null for another call. @param index The number of a group. */
  call(kind: string, index: number): number | null {
    switch (kind) {
      case "open":
        this.#container = new ContainerFile(() =>
          new Type1Container(this.#process, this.#options())
        );
        return 0;
      case "close":
        if (this.#container === null) return EBADF;
        this.#container = null;
        return 0;
      case "set_iommu":
        return this.#container === null ? EBADF : -this.#container.setIommu();
      case "set_container": {
        const group = this.#openGroup(index);
        if (group === null) return ERRNO.EBUSY;
        return this.#container === null ? EBADF : -this.#container.add(group);
      }
      default:
        return this.#groupCall(kind, index);
    }
  }

  #groupCall(kind: string, index: number): number | null {
    const group = this.#groups.get(index);
    const open = group?.isOpen ? group : null;
    switch (kind) {
      case "unset_container":
        return open === null ? EBADF : -open.unsetContainer();
      case "close_group":
        if (open === null) return EBADF;
        open.close();
        return 0;
      case "get_device": {
        if (open === null) return EBADF;
        const error = open.openDevice();
        if (error === 0) this.#devices.add(index);
        return -error;
      }
      case "close_device":
        if (!this.#devices.delete(index)) return EBADF;
        group!.closeDevice();
        return 0;
      default:
        return null;
    }
  }

  /** The group's file; null if a device's file keeps the one that was closed. */
  #openGroup(index: number): GroupFile | null {
    const before = this.#groups.get(index);
    if (before !== undefined && before.isOpen) return before;
    if (before !== undefined && before.openDevices > 0) return null;
    const attach = () => this.#events.attach(index);
    const devices = { claim: () => (attach(), 0), attach, detach: attach, release: attach };
    const group = new GroupFile(devices);
    this.#groups.set(index, group);
    return group;
  }
}
