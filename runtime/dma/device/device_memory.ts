/**
 * Memory as a device sees it, on machines where that differs from RAM: the CPU's caches hide data,
 * or memory is encrypted with a key that devices do not have.
 */
import type { Bytes, PhysAddr } from "../../address.ts";
import type { DeviceAccess } from "../../iommu/iommu.ts";
import type { CpuCaches } from "../../memory/cpu_caches.ts";
import type { MemoryEncryption } from "../../memory/memory_encryption.ts";
import type { PhysicalMemory } from "../../memory/physical_memory.ts";
import type { DmaDevice } from "./device.ts";

export interface DeviceMemoryParts {
  readonly memory: PhysicalMemory;
  readonly caches: CpuCaches | null;
  readonly encryption: MemoryEncryption | null;
  /** Called when a device accesses private memory of a confidential guest. */
  readonly onPrivate: (
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    access: DeviceAccess,
  ) => void;
}

export class DeviceMemory {
  constructor(private readonly parts: DeviceMemoryParts) {}

  read(dev: DmaDevice, phys: PhysAddr, into: Uint8Array, offset: number, sizeBytes: Bytes): void {
    const { memory, caches, encryption, onPrivate } = this.parts;
    if (caches === null) memory.read(phys, into, offset, sizeBytes);
    else caches.deviceRead(dev, phys, into, offset, sizeBytes);
    if (encryption === null || !encryption.anyPrivate(phys, sizeBytes)) return;
    encryption.apply(phys, into, offset, sizeBytes);
    onPrivate(dev, phys, sizeBytes, "read");
  }

  write(dev: DmaDevice, phys: PhysAddr, from: Uint8Array, offset: number, sizeBytes: Bytes): void {
    const { caches, encryption, onPrivate } = this.parts;
    if (encryption === null || !encryption.anyPrivate(phys, sizeBytes)) {
      this.#store(caches, dev, phys, from, offset, sizeBytes);
      return;
    }
    // The bytes as the CPU will read them: the CPU decrypts the bytes that the device wrote
    // unencrypted.
    const stored = from.slice(offset, offset + sizeBytes);
    encryption.apply(phys, stored, 0, sizeBytes);
    this.#store(caches, dev, phys, stored, 0, sizeBytes);
    onPrivate(dev, phys, sizeBytes, "write");
  }

  #store(
    caches: CpuCaches | null,
    dev: DmaDevice,
    phys: PhysAddr,
    from: Uint8Array,
    offset: number,
    sizeBytes: Bytes,
  ): void {
    if (caches === null) this.parts.memory.write(phys, from, offset, sizeBytes);
    else caches.deviceWrite(dev, phys, from, offset, sizeBytes);
  }
}
