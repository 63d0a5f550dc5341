/**
 * A device's view: the bytes at its addresses.
 *
 * Reading a view has no effects: it fills no IOTLB and emits no event.
 */
import { type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "../../address.ts";
import { PTE_READ, PTE_WRITE } from "../../iommu/page_table.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { sameBytes } from "../../memory/physical_memory.ts";
import type { DmaDevice } from "./device.ts";

/** A run of device addresses that lead to consecutive memory. */
export interface DeviceVisibleRange {
  readonly machine: DmaMachine;
  readonly device: DmaDevice;
  /** First address as the device sees it. */
  readonly start: number;
  readonly sizeBytes: Bytes;
  readonly phys: PhysAddr;
  /** The device's permissions there: bits of `PTE_READ` and `PTE_WRITE`. */
  readonly access: number;
}

/**
 * The memory that a device can reach between two of its addresses, the end excluded. With
 * translation these are the mappings of its page table, without translation all memory that is not
 * zero.
 */
export function viewOf(
  machine: DmaMachine,
  device: DmaDevice,
  first = 0,
  end: number = Infinity,
): DeviceVisibleRange[] {
  const ranges: DeviceVisibleRange[] = [];
  const add = (at: number, led: number, leafBytes: Bytes, access: number) => {
    const start = Math.max(at, first);
    const sizeBytes = Math.min(at + leafBytes, end) - start;
    if (sizeBytes <= 0) return;
    const phys = led + (start - at) as PhysAddr;
    ranges.push({ machine, device, start, sizeBytes, phys, access });
  };
  const { domain } = device;
  if (domain === null) {
    machine.memory.forEachPage((phys, bytes) => {
      if (!isZero(bytes)) add(phys, phys, PAGE_SIZE_BYTES, PTE_READ | PTE_WRITE);
    });
  } else {
    const last = Math.min(end - 1, domain.table.lastAddress);
    if (first <= last) {
      domain.table.forEachLeaf(first, last, (iova, phys, sizeBytes, flags) => {
        add(iova, phys, sizeBytes, flags & (PTE_READ | PTE_WRITE));
      });
    }
  }
  return ranges;
}

/** True when both views have the same bytes at the same addresses, with the same permissions. */
export function sameView(
  left: readonly DeviceVisibleRange[],
  right: readonly DeviceVisibleRange[],
): boolean {
  const a = new ViewReader(left);
  const b = new ViewReader(right);
  while (!a.done && !b.done) {
    if (a.at !== b.at || a.current.access !== b.current.access) return false;
    const sizeBytes = Math.min(a.leftBytes, b.leftBytes, PAGE_SIZE_BYTES);
    if (!sameBytes(a.read(sizeBytes), b.read(sizeBytes), sizeBytes)) return false;
    a.skip(sizeBytes);
    b.skip(sizeBytes);
  }
  return a.done && b.done;
}

/** True when two machines have the same bytes in all of their memory. */
export function sameMemory(left: DmaMachine, right: DmaMachine): boolean {
  return holdsAllOf(right, left) && holdsAllOf(left, right);
}

/** True when every page that was written in `here` has the same bytes in `there`. */
function holdsAllOf(there: DmaMachine, here: DmaMachine): boolean {
  const bytes = new Uint8Array(PAGE_SIZE_BYTES);
  let same = true;
  here.memory.forEachPage((phys, page) => {
    if (!same) return;
    if (!there.memory.covers(phys, PAGE_SIZE_BYTES)) bytes.fill(0);
    else there.memory.read(phys, bytes, 0, PAGE_SIZE_BYTES);
    same = sameBytes(page, bytes, PAGE_SIZE_BYTES);
  });
  return same;
}

/** Reads a view in the order of its addresses. */
class ViewReader {
  readonly #ranges: readonly DeviceVisibleRange[];
  readonly #bytes = new Uint8Array(PAGE_SIZE_BYTES);
  #index = 0;
  #doneBytes = 0;

  constructor(ranges: readonly DeviceVisibleRange[]) {
    this.#ranges = [...ranges].sort((a, b) => a.start - b.start);
  }

  get done(): boolean {
    return this.#index === this.#ranges.length;
  }

  get current(): DeviceVisibleRange {
    return this.#ranges[this.#index]!;
  }

  /** The next address to read. */
  get at(): number {
    return this.current.start + this.#doneBytes;
  }

  get leftBytes(): Bytes {
    return this.current.sizeBytes - this.#doneBytes;
  }

  /** The next bytes, at most a page of them, as the device would read them. */
  read(sizeBytes: Bytes): Uint8Array {
    const { device, machine, phys } = this.current;
    const at = phys + this.#doneBytes as PhysAddr;
    const memory = device.coherent ? machine.hostMemory : machine.memory;
    if (machine.memory.covers(at, sizeBytes)) memory.read(at, this.#bytes, 0, sizeBytes);
    else this.#bytes.fill(0);
    return this.#bytes;
  }

  skip(sizeBytes: Bytes): void {
    this.#doneBytes += sizeBytes;
    if (this.#doneBytes < this.current.sizeBytes) return;
    this.#index++;
    this.#doneBytes = 0;
  }
}

function isZero(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== 0) return false;
  return true;
}
