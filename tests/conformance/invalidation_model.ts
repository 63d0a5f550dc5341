/**
 * Replays invalidations (tests/golden/invalidations). Each map and unmap of a domain has the
 * commands that the kernel wrote to VT-d's queue, in the order in which QEMU read them.
 */
import { deviceTlbDescriptor, Machine, type MachineEvent, type PhysAddr } from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import { testConfig } from "@dmalab/runtime/testing";

type Command = readonly (string | number)[];

type InvalidationLine =
  | {
    readonly op: "init";
    readonly mode: "strict" | "lazy";
    readonly caching_mode: boolean;
    /** The requester id of each device in the group that uses the domain. */
    readonly requesters: readonly number[];
    /** Mappings from before the recording: address and size. */
    readonly mapped: readonly (readonly [iova: number, size: number])[];
  }
  | { readonly op: "map" | "unmap"; readonly iova: number; readonly size: number }
  | { readonly op: "flush" };

/** Permissions of a mapping: the recorded driver maps everything for reading and for writing. */
const READ_WRITE = 3;

/** One domain of one group; all its devices have ATS. */
export class InvalidationModel {
  #machine: Machine | null = null;
  #devices: readonly DmaDevice[] = [];
  #commands: Command[] = [];

  run(line: InvalidationLine): { readonly commands?: readonly Command[] } {
    if (line.op === "init") {
      this.#make(line);
      return {};
    }
    const domain = this.#devices[0]!.domain!;
    this.#commands = [];
    switch (line.op) {
      case "map":
        domain.map(line.iova, line.iova as PhysAddr, line.size, READ_WRITE);
        domain.syncMap(line.iova, line.size);
        break;
      case "unmap":
        domain.unmap(line.iova, line.size, !domain.lazy, "__iommu_dma_unmap");
        break;
      case "flush":
        domain.flushAll();
        break;
    }
    // If only the IOTLB is invalidated, the wait command has no separate event: it is part of
    // `iotlb.sync`.
    const alone = this.#commands.length > 0 && this.#commands.every(([kind]) => kind === "iotlb");
    return { commands: alone ? [...this.#commands, ["wait"]] : this.#commands };
  }

  #make(line: InvalidationLine & { readonly op: "init" }): void {
    const iommu = { mode: line.mode, cachingMode: line.caching_mode, model: "vtd" } as const;
    const machine = this.#machine = new Machine(testConfig({ iommu }));
    this.#devices = line.requesters.map((requester, index) => {
      const device = new DmaDevice(`fn${index}`, { ats: true });
      device.requesterId = requester;
      return device;
    });
    machine.iommu.groups.make(this.#devices);
    const domain = this.#devices[0]!.domain!;
    for (const [iova, size] of line.mapped) {
      domain.map(iova, iova as PhysAddr, size, READ_WRITE);
    }
    machine.events.listen((event) => this.#heard(event));
  }

  #heard(event: MachineEvent): void {
    const { table } = this.#devices[0]!.domain!;
    switch (event.name) {
      case "iotlb.sync": {
        const { hw_size_bytes, hw_start, kind } = event.fields;
        this.#commands.push(
          kind === "all" ? ["iotlb", "domain"] : ["iotlb", "pages", hw_start, hw_size_bytes / 4096],
        );
        break;
      }
      case "device_tlb.sync": {
        const { size_bytes, start, target } = event.fields;
        const device = this.#devices.find(({ name }) => name === target)!;
        const last = Math.min(start + size_bytes - 1, table.lastAddress);
        const { qw0, qw1 } = deviceTlbDescriptor(device.requesterId!, table, start, last);
        this.#commands.push(["device", `0x${qw0.toString(16)}`, `0x${qw1.toString(16)}`]);
        break;
      }
      case "device_tlb.wait":
        this.#commands.push(["wait"]);
        break;
      default:
        break;
    }
  }
}
