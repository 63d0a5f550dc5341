/**
 * Host memory for a controller that has no own memory.
 *
 * @see rules/nvme.md 5.3
 */
import { type Bytes, type DmaAddr, invariant, KIB, type Machine, MIB } from "@dmalab/runtime";
import type { CoherentMemory, DmaDevice } from "@dmalab/runtime/dma";
import { CTRL_PAGE_BYTES } from "./protocol.ts";

/** The maximum size for a controller (`max_host_mem_size_mb`). */
const MAX_BYTES = 128 * MIB;
/** The largest piece that the page allocator can allocate. */
const MAX_CHUNK_BYTES = 4 * MIB;
const SMALLEST_CHUNK_BYTES = 8 * KIB;
const DESCRIPTOR_BYTES = 16;

/** The requests of Identify Controller, in bytes and entries; 0 if not specified. */
export interface HostMemoryRequest {
  /** HMPRE: the controller's preferred size; 0 is none. */
  readonly preferredBytes: Bytes;
  /** HMMIN: the minimum size for the controller. */
  readonly minimumBytes: Bytes;
  /** HMMINDS: the smallest piece that the controller can use. */
  readonly smallestChunkBytes: Bytes;
  /** HMMAXD: the most pieces that the controller can use. */
  readonly mostChunks: number;
}

/** Memory that a controller uses: pieces, and a list of them. */
export class HostMemoryBuffer {
  readonly #machine: Machine;
  readonly #dev: DmaDevice;
  readonly #list: CoherentMemory;

  constructor(
    machine: Machine,
    dev: DmaDevice,
    readonly chunks: readonly CoherentMemory[],
    list: CoherentMemory,
  ) {
    this.#machine = machine;
    this.#dev = dev;
    this.#list = list;
  }

  get sizeBytes(): Bytes {
    return sizeOf(this.chunks);
  }

  /** DMA address of the list of pieces. */
  get listDma(): DmaAddr {
    return this.#list.dma;
  }

  /** Frees everything. The controller must have stopped using it. */
  release(): void {
    freeChunks(this.#machine, this.#dev, this.chunks);
    this.#machine.dma.dmaFreeCoherent(this.#dev, this.#list);
  }
}

/**
 * Allocates the memory that the controller requests. The memory is one IOVA range if the IOMMU can
 * map any pages contiguously and the kernel release uses this ability. Otherwise it consists of
 * pieces as large as the allocator has.
 *
 * @see rules/nvme.md 6
 * @returns Null if the controller requests no memory or needs more than the limit, or if there is
 *   not enough memory.
 */
export function allocateHostMemoryBuffer(
  machine: Machine,
  dev: DmaDevice,
  wishes: HostMemoryRequest,
): HostMemoryBuffer | null {
  const { minimumBytes, mostChunks, preferredBytes, smallestChunkBytes } = wishes;
  if (preferredBytes === 0 || minimumBytes > MAX_BYTES) return null;
  const wanted = Math.min(preferredBytes, MAX_BYTES);
  const { host_memory_buffer_in_pieces: inPieces } = machine.kernel;
  if (!inPieces && machine.dma.dmaGetMergeBoundary(dev) !== 0) {
    const whole = allocateChunks(machine, dev, wanted, wanted, 1);
    if (whole.length > 0) return describe(machine, dev, whole);
  }
  const smallest = Math.max(smallestChunkBytes, SMALLEST_CHUNK_BYTES);
  const most = mostChunks === 0 ? Infinity : mostChunks;
  let chunkBytes = Math.min(wanted, MAX_CHUNK_BYTES);
  for (; chunkBytes >= smallest; chunkBytes /= 2) {
    const chunks = allocateChunks(machine, dev, wanted, chunkBytes, most);
    if (chunks.length > 0 && sizeOf(chunks) >= minimumBytes) return describe(machine, dev, chunks);
    freeChunks(machine, dev, chunks);
  }
  return null;
}

/**
 * Allocates pieces of the same size until there is enough memory or the allocator has no more. The
 * last piece may be smaller.
 */
function allocateChunks(
  machine: Machine,
  dev: DmaDevice,
  wantedBytes: Bytes,
  chunkBytes: Bytes,
  mostChunks: number,
): CoherentMemory[] {
  const { dma } = machine;
  const chunks: CoherentMemory[] = [];
  for (let left = wantedBytes; left > 0 && chunks.length < mostChunks;) {
    const sizeBytes = Math.min(left, chunkBytes);
    const chunk = dma.dmaAllocCoherent(dev, sizeBytes);
    if (chunk === null) break;
    invariant(sizeBytes % CTRL_PAGE_BYTES === 0, "A piece of host memory ends inside a page");
    chunks.push(chunk);
    left -= sizeBytes;
  }
  return chunks;
}

/** Writes the list of pieces: address, and size in the controller's pages. */
function describe(
  machine: Machine,
  dev: DmaDevice,
  chunks: readonly CoherentMemory[],
): HostMemoryBuffer | null {
  const list = machine.dma.dmaAllocCoherent(dev, chunks.length * DESCRIPTOR_BYTES);
  if (list === null) {
    freeChunks(machine, dev, chunks);
    return null;
  }
  const { memory } = machine;
  chunks.forEach(({ dma, sizeBytes }, index) => {
    const at = index * DESCRIPTOR_BYTES;
    memory.writeU64(list.physOf(at), dma);
    memory.writeU32(list.physOf(at + 8), sizeBytes / CTRL_PAGE_BYTES);
  });
  return new HostMemoryBuffer(machine, dev, chunks, list);
}

function freeChunks(machine: Machine, dev: DmaDevice, chunks: readonly CoherentMemory[]): void {
  for (const chunk of chunks) machine.dma.dmaFreeCoherent(dev, chunk);
}

function sizeOf(chunks: readonly CoherentMemory[]): Bytes {
  return chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
