/**
 * The kernel's allocators as drivers know them: memory that is contiguous, and memory that is so for
 * the CPU only.
 *
 * @see rules/c-api.md 13
 */
import type { Bytes } from "../address.ts";
import type { KernelAreas } from "../dma/kernel_areas.ts";
import { KernelError } from "../errno.ts";
import { allocateBuffer, allocatePages } from "./allocate_buffer.ts";
import { type BufferHome, HostBuffer } from "./host_buffer.ts";
import { MAX_BLOCK_PAGES } from "./page_allocator.ts";

/** Where memory comes from, and who knows what kind it is. */
export interface KernelHome extends BufferHome {
  readonly areas: KernelAreas;
}

/** One buffer for the CPU. Its pages are vmalloc's until it is freed. */
class VmallocBuffer extends HostBuffer {
  readonly #areas: KernelAreas;

  constructor(home: KernelHome, whole: HostBuffer, sizeBytes: Bytes) {
    super(home, whole.slice(0, sizeBytes).segments, whole.pages);
    this.#areas = home.areas;
    home.areas.addVmalloc(whole.pages);
  }

  override free(): void {
    this.#areas.removeVmalloc(this.pages);
    super.free();
  }
}

/**
 * Memory that is contiguous, on pages of its own.
 * @throws {KernelError} ENOMEM when no run of free pages is so long, or no block may be.
 */
export function kmalloc(home: KernelHome, sizeBytes: Bytes): HostBuffer {
  const largestBytes = MAX_BLOCK_PAGES * home.pages.pageSizeBytes;
  if (sizeBytes > largestBytes) {
    throw new KernelError("ENOMEM", `kmalloc() allocates at most ${largestBytes} bytes`);
  }
  return allocateBuffer(home, { sizeBytes });
}

/**
 * Memory of single pages, no two of them side by side.
 * @throws {KernelError} ENOMEM when there are too few.
 */
export function vmalloc(home: KernelHome, sizeBytes: Bytes): HostBuffer {
  const pages = Math.ceil(sizeBytes / home.pages.pageSizeBytes);
  return new VmallocBuffer(home, allocatePages(home, { pages, contiguous: false }), sizeBytes);
}
