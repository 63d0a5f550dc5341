/**
 * Random sequences of operations on lists of pages, which devices map page by page, and on ordinary
 * mappings.
 */
import { PAGE_SIZE_BYTES, Random } from "@dmalab/runtime";
import type { Earlier, Operation } from "./compare.ts";
import { type HmmOperation, MAPPED_FLAG } from "./hmm_operations.ts";
import { BUFFER_PAGES, type MappingOperation } from "./mapping_operations.ts";
import { randomDevice, randomPeers, settableMask } from "./mapping_sequences.ts";
import { PEER_PAGES, PEER_START } from "./peers.ts";

const MASK_BITS = [64, 48, 32];
const LIMIT_BITS = [0, 0, 0, 31];
const LENGTHS = [30, 80, 80, 300];
const MAPS = 4;
const MOST_ENTRIES = 12;
const ENTRY_PAGES = [1, 1, 1, 2, 16];
/**
 * Number of pages in a list that does not fit into an IOVA range of 32 bits. Each page of such a
 * list gets a separate range.
 */
const PAGES_BEYOND_RANGES = 2 ** 20;
const LOOK_EVERY = 16;
/**
 * An unaligned mapping. After the kernel has bounced it, the device's mappings need `dma_sync_*`
 * calls.
 */
const BOUNCED = { phys: 4096 + 512, size: 1024, dir: 2, attrs: 0 };

export function hmmSequence(seed: number): readonly Operation<MappingOperation>[] {
  const random = new Random(seed);
  // The reach of the device varies, because a device that does not reach all memory gets no list.
  const reach = { dma_mask_bits: random.pick(MASK_BITS), bus_limit_bits: random.pick(LIMIT_BITS) };
  const init = { ...randomDevice(random), ...reach };
  const peers = random.below(2) === 0 ? { peers: randomPeers(random) } : {};
  return new HmmWalk(random, { ...init, ...peers }).steps(random.pick(LENGTHS));
}

/** A list, with the numbers of the steps that created and filled it. */
interface HmmMap {
  readonly id: number;
  readonly made: number;
  readonly entryPages: number;
  /**
   * For each entry, the step that filled it. Null before that step, and again after the entry was
   * unmapped.
   */
  readonly filled: (number | null)[];
}

type Results = Earlier<MappingOperation>;

class HmmWalk {
  readonly #steps: Operation<MappingOperation>[] = [];
  readonly #maps: HmmMap[] = [];
  #id = 0;

  constructor(
    readonly random: Random,
    readonly init: ReturnType<typeof randomDevice> & MappingOperation,
  ) {}

  steps(length: number): readonly Operation<MappingOperation>[] {
    const { init, random } = this;
    this.#put(() => init);
    // Setting the mask decides whether the device needs syncs by the CPU.
    this.#put(() => ({ op: "set_mask", bits: settableMask(init, init.dma_mask_bits) }));
    while (this.#steps.length < length) {
      if (this.#steps.length % LOOK_EVERY === 0) this.#put(() => ({ op: "state" }));
      else if (random.below(20) === 0) this.#put(() => ({ op: "map_phys", ...BOUNCED }));
      else if (this.#maps.length < MAPS && random.below(6) === 0) this.#alloc();
      else if (this.#maps.length > 0 && random.below(10) === 0) this.#free();
      else if (this.#maps.length > 0) this.#use(init["peers"] !== undefined);
      else this.#alloc();
    }
    while (this.#maps.length > 0) this.#free();
    this.#put(() => ({ op: "advance", ms: 1200 }));
    this.#put(() => ({ op: "state" }));
    return this.#steps;
  }

  #put(then: (earlier: Results) => MappingOperation | null): number {
    const id = this.#steps.length;
    this.#steps.push({ id, then });
    return id;
  }

  #alloc(): void {
    const { random } = this;
    const [id, entryPages] = [this.#id++, random.pick(ENTRY_PAGES)];
    const count = 1 + random.below(MOST_ENTRIES);
    const { cpus, dma_mask_bits, mode } = this.init;
    const isLarge = mode !== "direct" && dma_mask_bits === 32 && random.below(2) === 0;
    const pages = count * entryPages + (isLarge ? PAGES_BEYOND_RANGES : 0);
    const entry_bytes = entryPages * PAGE_SIZE_BYTES;
    const cpu = random.below(cpus);
    const made = this.#put(() => ({ op: "hmm_alloc", cpu, id, pages, entry_bytes }));
    this.#maps.push({ id, made, entryPages, filled: Array<null>(count).fill(null) });
  }

  /** Fills, maps or unmaps an entry. */
  #use(hasPeers: boolean): void {
    const { random } = this;
    const map = random.pick(this.#maps);
    const index = random.below(map.filled.length);
    if (map.filled[index] !== null) return this.#step(map, index, random.below(2) === 0);
    const pfn = hasPeers && random.below(3) === 0
      ? PEER_START / PAGE_SIZE_BYTES + random.below(PEER_PAGES / 2)
      : 1 + random.below(BUFFER_PAGES);
    const aligned = Math.ceil(pfn / map.entryPages) * map.entryPages;
    map.filled[index] = this.#put((earlier) =>
      isMade(map, earlier) ? { op: "hmm_fill", id: map.id, index, pfn: aligned } : null
    );
    if (random.below(8) > 0) this.#step(map, index, true);
  }

  /** Maps or unmaps an entry that was filled. */
  #step({ filled, id }: HmmMap, index: number, maps: boolean): void {
    const fill = filled[index]!;
    const op = maps ? "hmm_map" : "hmm_unmap";
    const line: HmmOperation = { op, cpu: this.random.below(this.init.cpus), id, index };
    this.#put((earlier) => earlier.has(fill) ? line : null);
    if (!maps) filled[index] = null;
  }

  #free(): void {
    const [map] = this.#maps.splice(this.random.below(this.#maps.length), 1);
    for (const [index, filled] of map!.filled.entries()) {
      if (filled !== null) this.#step(map!, index, false);
    }
    this.#put((earlier) => isEmpty(map!, earlier) ? { op: "hmm_free", id: map!.id } : null);
  }
}

function isMade({ made }: HmmMap, earlier: Results): boolean {
  return earlier.get(made)?.[1]["ret"] === 0;
}

/** Whether a list was created and none of its entries is mapped. */
function isEmpty(map: HmmMap, earlier: Results): boolean {
  const flags = new Map<unknown, number>();
  for (const [operation, answer] of earlier.values()) {
    if (operation["id"] !== map.id || answer["flags"] === undefined) continue;
    flags.set(operation["index"], answer["flags"] as number);
  }
  return isMade(map, earlier) && flags.values().every((each) => (each & MAPPED_FLAG) === 0);
}
