/**
 * Memory of a confidential guest: encrypted with a key that devices do not have.
 *
 * The CPU encrypts its writes and decrypts its reads, so the simulated memory simply contains the
 * plain bytes. A device accesses memory without the key: from a private page it reads the encrypted
 * bytes, and the bytes that it writes are garbage after the CPU decrypts them. Pages that are
 * shared with the host are plain text for both the CPU and the device: the bounce buffers, coherent
 * memory, and memory that a driver has decrypted.
 *
 * @see rules/dma.md 1.5 (CC_SHARED), 2.1
 */
import { type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import { eachPage } from "./cached_page.ts";
import { IntervalSet } from "./interval_set.ts";
import type { PhysicalMemory } from "./physical_memory.ts";

/** Stands for the key: one number, since it need not be secure. */
const KEY = 0x9e37_79b1;

export class MemoryEncryption {
  /** Numbers of the shared pages, which are stored as plain text. */
  readonly #shared = new IntervalSet();

  constructor(private readonly memory: Pick<PhysicalMemory, "kindAt">) {}

  /** From now on, stores as plain text every page that holds a byte of the span. */
  share(phys: PhysAddr, sizeBytes: Bytes): void {
    this.#shared.add(firstPage(phys), endPage(phys, sizeBytes));
  }

  /** Encrypts the pages again. */
  unshare(phys: PhysAddr, sizeBytes: Bytes): void {
    this.#shared.delete(firstPage(phys), endPage(phys, sizeBytes));
  }

  /** True for RAM that only the guest's CPU can read. */
  isPrivate(phys: number): boolean {
    return !this.#shared.has(firstPage(phys)) && this.memory.kindAt(phys) === "ram";
  }

  /** True when any byte of a span is private. */
  anyPrivate(phys: PhysAddr, sizeBytes: Bytes): boolean {
    let found = false;
    eachPage(phys, sizeBytes, (page) => {
      if (this.isPrivate(page)) found = true;
    });
    return found;
  }

  /** Encrypts bytes of private memory, or decrypts them. */
  apply(phys: PhysAddr, bytes: Uint8Array, offset: number, sizeBytes: Bytes): void {
    let at = offset;
    eachPage(phys, sizeBytes, (page, start, end) => {
      if (this.isPrivate(page)) {
        for (let byte = start; byte < end; byte++) {
          bytes[at + byte - start]! ^= streamByte(page + byte);
        }
      }
      at += end - start;
    });
  }
}

function firstPage(phys: number): number {
  return Math.floor(phys / PAGE_SIZE_BYTES);
}

function endPage(phys: number, sizeBytes: Bytes): number {
  return Math.ceil((phys + sizeBytes) / PAGE_SIZE_BYTES);
}

/** The cipher: a byte that depends on its address. The byte is never 0. */
function streamByte(phys: number): number {
  const mixed = Math.imul(phys ^ Math.floor(phys / 2 ** 32) ^ 0x5bd1, KEY);
  return (mixed >>> 24) || 0xa5;
}
