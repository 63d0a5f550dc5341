/** Random sequences of operations on the mapping layer of one device. */
import { DMA_ATTR } from "../../runtime/dma/attributes.ts";
import { PAGE_SIZE_BYTES } from "../../runtime/address.ts";
import { Random } from "../../runtime/random.ts";
import type { Earlier, Step } from "./compare.ts";
import type { MappingOperation } from "./mapping_operations.ts";

type MappingStep = Step<MappingOperation>;

const LENGTHS = [40, 120, 120, 600];
const MODES = ["strict", "strict", "lazy", "lazy", "lazy-single", "direct"];
/** The page sizes of a generic table: 4 KiB, 2 MiB, 1 GiB. */
const PAGE_SIZES = 2 ** 12 + 2 ** 21 + 2 ** 30;
const FORMATS = [
  { format: "vtdss", address_bits: 48 },
  { format: "vtdss", address_bits: 48 },
  { format: "vtdss", address_bits: 39 },
  { format: "x86_64", address_bits: 48 },
];
const MASK_BITS = [64, 64, 48, 36, 32, 32, 31, 24];
const BUS_LIMIT_BITS = [0, 0, 0, 36, 31];
const MIN_ALIGN_MASKS = [0, 0, 4095, 511];
const BOUNDARY_MASKS = [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 16 - 1, 2 ** 20 - 1, 2 ** 13 - 1];
const MAX_SEGMENTS = [2 ** 16, 2 ** 16, 2 ** 12, 2 ** 20, 2 ** 32 - 1];
const ATTRIBUTES = [0, 0, 0, 0, DMA_ATTR.SKIP_CPU_SYNC, DMA_ATTR.MMIO];
const RESERVED = [[0xfee0_0000, 0xfeef_ffff], [2 ** 31, 2 ** 31 + 2 ** 20 - 1]];
const RAM_PAGES = 2 ** 24;
const LOOK_EVERY = 16;
/** Two or three of these are longer than the 32 bits of a length. */
const HUGE = [2 ** 30, 2 ** 31, 3 * 2 ** 30];

export function mappingSequence(seed: number): readonly MappingStep[] {
  const random = new Random(seed);
  const slots = random.pick([0, 256, 1024]);
  const untrusted = slots > 0 && random.below(2) === 0;
  const init = {
    op: "init",
    cpus: 1 + random.below(3),
    ...random.pick(FORMATS),
    pgsize_bitmap: PAGE_SIZES,
    mode: random.pick(MODES),
    dma_mask_bits: random.pick(MASK_BITS),
    bus_limit_bits: random.pick(BUS_LIMIT_BITS),
    try_32bit_first: random.below(4) > 0,
    untrusted,
    min_align_mask: random.pick(MIN_ALIGN_MASKS),
    seg_boundary_mask: random.pick(BOUNDARY_MASKS),
    max_seg_size: random.pick(MAX_SEGMENTS),
    bounce_slots: slots,
    bounce_areas: random.pick([1, 2]),
    bounce_start: 0x7000_0000,
    ranges: random.below(2) === 0 ? [random.pick(RESERVED)] : [],
  };
  const walk = new MappingWalk(random, init);
  return walk.steps(random.pick(LENGTHS));
}

class MappingWalk {
  readonly #steps: MappingStep[] = [];
  /** What makes the operations that end each mapping. */
  readonly #live: (() => void)[] = [];
  #id = 0;

  constructor(
    readonly random: Random,
    readonly init: MappingOperation & { readonly cpus: number },
  ) {}

  steps(length: number): readonly MappingStep[] {
    const { random } = this;
    this.#put(this.init);
    this.#put({ op: "limits" });
    const frees = 25 + random.below(30);
    const mostPages = random.pick([1, 4, 40, 600]);
    const hasLists = random.below(3) > 0;
    while (this.#steps.length < length) {
      const what = random.below(100);
      if (this.#steps.length % LOOK_EVERY === 0) this.#put({ op: "state" });
      else if (what < 5) this.#put({ op: "advance", ms: random.below(what === 0 ? 1200 : 15) });
      else if (what < 5 + frees && this.#live.length > 0) {
        this.#live.splice(random.below(this.#live.length), 1)[0]!();
      } else if (hasLists && what < 75) this.#list(mostPages);
      else if (what < 82 && this.init["mode"] !== "direct") this.#twoStep(mostPages);
      else this.#single(mostPages);
    }
    for (const end of this.#live) end();
    this.#put({ op: "advance", ms: 1200 });
    this.#put({ op: "state" });
    return this.#steps;
  }

  #put(operation: MappingOperation): number {
    const id = this.#steps.length;
    this.#steps.push({ id, operation });
    return id;
  }

  #then(then: (earlier: Earlier<MappingOperation>) => MappingOperation | null): number {
    const id = this.#steps.length;
    this.#steps.push({ id, then });
    return id;
  }

  get #cpu(): number {
    return this.random.below(this.init.cpus);
  }

  #phys(isPage: boolean): number {
    const { random } = this;
    const page = (1 + random.below(random.below(3) === 0 ? 2 ** 12 : RAM_PAGES)) * PAGE_SIZE_BYTES;
    // Large pages take what is aligned as they are.
    if (random.below(8) === 0) return Math.ceil(page / 2 ** 21) * 2 ** 21;
    return isPage || random.below(3) === 0 ? page : page + random.below(8) * 512 + random.below(2);
  }

  #size(mostPages: number): number {
    const { random } = this;
    const pages = 1 + random.below(mostPages);
    return random.below(2) === 0
      ? pages * PAGE_SIZE_BYTES
      : 1 + random.below(pages * PAGE_SIZE_BYTES);
  }

  #single(mostPages: number): void {
    const { random } = this;
    const size = random.below(30) === 0 ? 2 ** 21 * (1 + random.below(3)) : this.#size(mostPages);
    const dir = random.below(3);
    const attrs = random.pick(ATTRIBUTES);
    const mapped = { cpu: this.#cpu, phys: this.#phys(false), size, dir, attrs };
    const id = this.#put({ op: "map_phys", ...mapped });
    this.#live.push(() => {
      const cpu = this.#cpu;
      this.#then((earlier) => {
        const dma = earlier.get(id)?.[1]["dma"] ?? null;
        return dma === null ? null : { op: "unmap_phys", cpu, dma, size, dir, attrs };
      });
    });
  }

  #list(mostPages: number): void {
    const { random } = this;
    const [id, dir] = [this.#id++, random.below(3)];
    const list: [number, number][] = [];
    const isHuge = random.below(30) === 0;
    for (let left = 1 + random.below(isHuge ? 3 : 12); left > 0; left--) {
      const last = list.at(-1);
      // Some begin where the last one ends.
      const phys = last !== undefined && random.below(3) === 0
        ? last[0] + last[1]
        : this.#phys(isHuge);
      list.push([phys, isHuge ? random.pick(HUGE) : this.#size(Math.min(mostPages, 16))]);
    }
    const made = this.#put({ op: "map_sg", cpu: this.#cpu, id, dir, in: list });
    this.#live.push(() => {
      const cpu = this.#cpu;
      this.#then((earlier) =>
        Number(earlier.get(made)?.[1]["ret"]) > 0 ? { op: "unmap_sg", cpu, id, dir } : null
      );
    });
  }

  /** A range, links one after the other, a sync, and one of the ways to end it. */
  #twoStep(mostPages: number): void {
    const { random } = this;
    const [id, dir, cpu] = [this.#id++, random.below(3), this.#cpu];
    const start = random.below(3) === 0 ? random.below(8) * 512 : 0;
    const lengths: number[] = [];
    for (let left = 1 + random.below(6); left > 0; left--) {
      lengths.push((1 + random.below(Math.min(mostPages, 40))) * PAGE_SIZE_BYTES);
    }
    lengths[0]! -= start;
    const size = lengths.reduce((sum, each) => sum + each, 0);
    const first = this.#phys(true) + start;
    const made = this.#put({ op: "iova_try_alloc", cpu, id, phys: first, size });
    const isMade = (earlier: Earlier<MappingOperation>) =>
      (earlier.get(made)?.[1]["addr"] ?? null) !== null;
    const links: number[] = [];
    /** Bytes that were linked, without a gap. */
    const linkedBytes = (earlier: Earlier<MappingOperation>) => {
      const failed = links.findIndex((link) => earlier.get(link)?.[1]["ret"] !== 0);
      const linked = lengths.slice(0, failed < 0 ? links.length : failed);
      return linked.reduce((sum, each) => sum + each, 0);
    };
    let offset = 0;
    for (const [index, length] of lengths.entries()) {
      const phys = index === 0 ? first : this.#phys(true);
      const link = { op: "iova_link", cpu, id, phys, offset, size: length, dir };
      const before = offset;
      links.push(
        this.#then((earlier) => isMade(earlier) && linkedBytes(earlier) === before ? link : null),
      );
      offset += length;
    }
    /** What is done with all that is linked. */
    const whole = (operation: (bytes: number) => MappingOperation) =>
      this.#then((earlier) => {
        const bytes = linkedBytes(earlier);
        return isMade(earlier) && bytes > 0 ? operation(bytes) : null;
      });
    whole((bytes) => ({ op: "iova_sync", cpu, id, offset: 0, size: bytes }));
    const isInParts = random.below(3) === 0;
    this.#live.push(() => {
      if (isInParts) {
        whole((bytes) => ({ op: "iova_unlink", cpu, id, offset: 0, size: bytes, dir }));
      } else whole((bytes) => ({ op: "iova_destroy", cpu, id, mapped_len: bytes, dir }));
      const isLeft = (earlier: Earlier<MappingOperation>) =>
        isMade(earlier) && (isInParts || linkedBytes(earlier) === 0);
      this.#then((earlier) => isLeft(earlier) ? { op: "iova_free", cpu, id } : null);
    });
  }
}
