/**
 * Random sequences of operations on the mapping layer of one device, or of two devices in one IOMMU
 * group.
 */
import { DMA_ATTR } from "@dmalab/runtime/dma";
import { PAGE_SIZE_BYTES, Random } from "@dmalab/runtime";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import type { Earlier, Operation } from "./compare.ts";
import { BUFFER_PAGES, type MappingOperation } from "./mapping_operations.ts";
import { PEER_PAGES, PEER_START, type PeerFields } from "./peers.ts";

type MappingStep = Operation<MappingOperation>;

const LENGTHS = [40, 120, 120, 600];
const MODES = ["strict", "strict", "lazy", "lazy", "lazy-single", "direct"];
/** Bitmap of the page sizes of a generic table: 4 KiB, 2 MiB, 1 GiB. */
const PAGE_SIZES = 2 ** 12 + 2 ** 21 + 2 ** 30;
const FORMATS = [
  { format: "vtdss", address_bits: 48 },
  { format: "vtdss", address_bits: 48 },
  { format: "vtdss", address_bits: 39 },
  { format: "x86_64", address_bits: 48 },
  { format: "amdv1", address_bits: 48 },
  { format: "arm", address_bits: 48 },
];
const MASK_BITS = [64, 64, 48, 36, 32, 32, 31, 24];
const BUS_LIMIT_BITS = [0, 0, 0, 36, 31];
const MIN_ALIGN_MASKS = [0, 0, 4095, 511];
const BOUNDARY_MASKS = [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 16 - 1, 2 ** 20 - 1, 2 ** 13 - 1];
const MAX_SEGMENTS = [2 ** 16, 2 ** 16, 2 ** 12, 2 ** 20, 2 ** 32 - 1];
const ATTRIBUTES = [
  ...[0, 0, 0, 0, DMA_ATTR.SKIP_CPU_SYNC, DMA_ATTR.MMIO],
  ...[DMA_ATTR.REQUIRE_COHERENT, DMA_ATTR.CC_SHARED, DMA_ATTR.NO_WARN, DMA_ATTR.PRIVILEGED],
];
/** Start addresses of bounce pools: below 4 GiB, and above the reach of a 32-bit mask. */
const BOUNCE_STARTS = [0x7000_0000, 0x7000_0000, 0x7000_0000, 2 ** 33];
const BUS_RANGES = [
  [[0, 2 ** 30, 2 ** 34]],
  [[0, 0, 2 ** 32], [2 ** 32, 2 ** 36, 2 ** 37]],
];
const RESERVED = [
  [0xfee0_0000, 0xfeef_ffff],
  [2 ** 31, 2 ** 31 + 2 ** 20 - 1],
  // Reserves all pages below 4 GiB except a few.
  [2 ** 20, 0xfffe_7fff],
];
/** Attributes of mappings that must not be synced. */
const UNTOUCHED = DMA_ATTR.MMIO | DMA_ATTR.REQUIRE_COHERENT;
const LINK_ATTRIBUTES = ATTRIBUTES.filter((each) => each !== DMA_ATTR.CC_SHARED);
const PEERS: readonly PeerMapType[] = ["bus_addr", "thru_host_bridge", "not_supported"];
const LOOK_EVERY = 16;
/** Lengths so large that the sum of two or three exceeds the 32 bits of a segment's length. */
const HUGE = [2 ** 30, 2 ** 31, 3 * 2 ** 30];

/** The settings of one device, as fields of an `init` operation. */
function deviceLimits(random: Random, slots: number) {
  return {
    dma_mask_bits: random.pick(MASK_BITS),
    bus_limit_bits: random.pick(BUS_LIMIT_BITS),
    try_32bit_first: random.below(4) > 0,
    untrusted: slots > 0 && random.below(2) === 0,
    coherent: random.below(4) > 0,
    min_align_mask: random.pick(MIN_ALIGN_MASKS),
    seg_boundary_mask: random.pick(BOUNDARY_MASKS),
    max_seg_size: random.pick(MAX_SEGMENTS),
  };
}

/** The first operation of a sequence: one device, behind an IOMMU or not. */
export function randomDevice(random: Random) {
  const slots = random.pick([0, 256, 1024]);
  const mode = random.pick(MODES);
  const isDirect = mode === "direct";
  return {
    op: "init",
    cpus: 1 + random.below(3),
    ...random.pick(FORMATS),
    pgsize_bitmap: PAGE_SIZES,
    mode,
    ...deviceLimits(random, slots),
    bounce_slots: slots,
    bounce_areas: random.pick([1, 2]),
    bounce_start: random.pick(BOUNCE_STARTS),
    bounce_force: slots > 0 && isDirect && random.below(3) === 0,
    ranges: RESERVED.filter(() => random.below(3) === 0),
    ...isDirect && random.below(4) === 0 ? { bus_ranges: random.pick(BUS_RANGES) } : {},
  };
}

/**
 * The mask to set. Without an IOMMU the mask has at least 32 bits, because the kernel's
 * configuration determines which smaller masks work.
 */
export function settableMask({ mode }: MappingOperation, bits: number): number {
  return mode === "direct" ? Math.max(bits, 32) : bits;
}

export function randomPeers(random: Random): PeerFields {
  return { kind: random.pick(PEERS), bus_offset: 2 ** 36 };
}

export function mappingSequence(seed: number): readonly MappingStep[] {
  const random = new Random(seed);
  const device = randomDevice(random);
  const peers = random.below(3) === 0 ? { peers: randomPeers(random) } : {};
  const isGroup = device.mode !== "direct" && random.below(3) === 0;
  const second = isGroup ? { second: { ...deviceLimits(random, device.bounce_slots) } } : {};
  const walk = new MappingWalk(random, { ...device, ...peers, ...second });
  return walk.steps(random.pick(LENGTHS));
}

class MappingWalk {
  readonly #steps: MappingStep[] = [];
  /** For each mapping, a function that adds the operations that end it. */
  readonly #live: (() => void)[] = [];
  /** For each mapping, a function that adds an operation on the mapping, other than its end. */
  readonly #uses: (() => void)[] = [];
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
        const at = random.below(this.#live.length);
        this.#uses.splice(at, 1);
        this.#live.splice(at, 1)[0]!();
      } else if (what >= 90 && this.#live.length > 0) {
        this.#uses[random.below(this.#live.length)]!();
      } else if (random.below(60) === 0) {
        const bits = settableMask(this.init, random.pick(MASK_BITS));
        const dev = this.#dev;
        this.#put({ op: "set_mask", ...dev, bits });
        this.#put({ op: "limits", ...dev });
      } else if (hasLists && what < 75) this.#list(mostPages);
      else if (what < 82 && this.init["mode"] !== "direct") this.#twoStep(mostPages);
      else if (what < 85 && this.init["mode"] !== "direct") this.#coherent(mostPages);
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

  /** The device of the next mapping. */
  get #dev(): { readonly dev?: number } {
    return this.init["second"] === undefined ? {} : { dev: this.random.below(2) };
  }

  get #cpu(): number {
    return this.random.below(this.init.cpus);
  }

  #phys(isPage: boolean): number {
    const { random } = this;
    const page = (1 + random.below(random.below(3) === 0 ? 2 ** 12 : BUFFER_PAGES)) *
      PAGE_SIZE_BYTES;
    // Memory aligned to 2 MiB can be mapped with large pages.
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
    const dev = this.#dev;
    const mapped = { cpu: this.#cpu, ...dev, phys: this.#phys(false), size, dir, attrs };
    const id = this.#put({ op: "map_phys", ...mapped });
    const then = (operation: (dma: number) => MappingOperation) =>
      this.#then((earlier) => {
        const dma = earlier.get(id)?.[1]["dma"] ?? null;
        return dma === null ? null : operation(dma as number);
      });
    this.#add(
      () => {
        const cpu = this.#cpu;
        then((dma) => ({ op: "unmap_phys", cpu, ...dev, dma, size, dir, attrs }));
      },
      () => {
        const op = `sync_single_${this.#owner}`;
        const from = random.below(3) === 0 ? random.below(size) : 0;
        const bytes = random.below(3) === 0 ? 1 + random.below(size - from) : size - from;
        if ((attrs & UNTOUCHED) === 0) {
          then((dma) => ({ op, ...dev, dma: dma + from, size: bytes, dir }));
        }
      },
    );
  }

  /** Allocates coherent memory of at most `mostPages` random pages. */
  #coherent(mostPages: number): void {
    const { random } = this;
    const [id, pages] = [this.#id++, [] as number[]];
    for (let left = 1 + random.below(Math.min(mostPages, 40)); left > 0; left--) {
      const last = pages.at(-1);
      const isNext = last !== undefined && random.below(3) > 0;
      pages.push(isNext ? last + PAGE_SIZE_BYTES : this.#phys(true));
    }
    const size = pages.length * PAGE_SIZE_BYTES - random.below(PAGE_SIZE_BYTES);
    const dev = this.#dev;
    const made = this.#put({ op: "alloc", cpu: this.#cpu, ...dev, id, size, pages });
    this.#add(
      () => {
        const cpu = this.#cpu;
        this.#then((earlier) =>
          (earlier.get(made)?.[1]["dma"] ?? null) === null ? null : { op: "free", cpu, ...dev, id }
        );
      },
      () => this.#put({ op: "state" }),
    );
  }

  get #owner(): string {
    return this.random.pick(["for_cpu", "for_device"]);
  }

  /**
   * Adds a mapping.
   * @param end Adds the operations that end the mapping.
   * @param use Adds an operation that uses the mapping before its end.
   */
  #add(end: () => void, use: () => void): void {
    this.#live.push(end);
    this.#uses.push(use);
  }

  #list(mostPages: number): void {
    const { random } = this;
    const [id, dir] = [this.#id++, random.below(3)];
    const list: [number, number][] = [];
    const isHuge = random.below(30) === 0;
    const hasPeers = !isHuge && this.init["peers"] !== undefined;
    for (let left = 1 + random.below(isHuge ? 3 : 12); left > 0; left--) {
      const last = list.at(-1);
      // Some segments begin where the previous one ends.
      const phys = last !== undefined && random.below(3) === 0
        ? last[0] + last[1]
        : hasPeers && random.below(4) === 0
        ? PEER_START + random.below(PEER_PAGES / 2) * PAGE_SIZE_BYTES
        : this.#phys(isHuge);
      list.push([phys, isHuge ? random.pick(HUGE) : this.#size(Math.min(mostPages, 16))]);
    }
    const attrs = random.pick(ATTRIBUTES);
    const dev = this.#dev;
    const made = this.#put({ op: "map_sg", cpu: this.#cpu, ...dev, id, dir, attrs, in: list });
    const then = (operation: MappingOperation) =>
      this.#then((earlier) => Number(earlier.get(made)?.[1]["ret"]) > 0 ? operation : null);
    this.#add(
      () => then({ op: "unmap_sg", cpu: this.#cpu, ...dev, id, dir, attrs }),
      () => {
        if ((attrs & UNTOUCHED) === 0) then({ op: `sync_sg_${this.#owner}`, ...dev, id, dir });
      },
    );
  }

  /**
   * Allocates an IOVA range, links pieces of memory and syncs them. Then adds one of the possible
   * ways to end the range.
   */
  #twoStep(mostPages: number): void {
    const { random } = this;
    const [by, dir] = [{ cpu: this.#cpu, ...this.#dev, id: this.#id++ }, random.below(3)];
    const start = random.below(3) === 0 ? random.below(8) * 512 : 0;
    const lengths: number[] = [];
    for (let left = 1 + random.below(6); left > 0; left--) {
      lengths.push((1 + random.below(Math.min(mostPages, 40))) * PAGE_SIZE_BYTES);
    }
    lengths[0]! -= start;
    // Only the last piece may end within a page.
    if (random.below(3) === 0) lengths[lengths.length - 1]! -= 1 + random.below(2000);
    if (lengths.at(-1)! <= 0) return;
    const attrs = random.pick(LINK_ATTRIBUTES);
    const size = lengths.reduce((sum, each) => sum + each, 0);
    const first = this.#phys(true) + start;
    const made = this.#put({ op: "iova_try_alloc", ...by, phys: first, size });
    const isMade = (earlier: Earlier<MappingOperation>) =>
      (earlier.get(made)?.[1]["addr"] ?? null) !== null;
    const links: number[] = [];
    /** Number of bytes that were linked without a gap. */
    const linkedBytes = (earlier: Earlier<MappingOperation>) => {
      const failed = links.findIndex((link) => earlier.get(link)?.[1]["ret"] !== 0);
      const linked = lengths.slice(0, failed < 0 ? links.length : failed);
      return linked.reduce((sum, each) => sum + each, 0);
    };
    let offset = 0;
    for (const [index, length] of lengths.entries()) {
      const phys = index === 0 ? first : this.#phys(true);
      const link = { op: "iova_link", ...by, phys, offset, size: length, dir, attrs };
      const before = offset;
      links.push(
        this.#then((earlier) => isMade(earlier) && linkedBytes(earlier) === before ? link : null),
      );
      offset += length;
    }
    /** Adds an operation on all links. */
    const whole = (operation: (bytes: number) => MappingOperation) =>
      this.#then((earlier) => {
        const bytes = linkedBytes(earlier);
        return isMade(earlier) && bytes > 0 ? operation(bytes) : null;
      });
    const sync = () => whole((size) => ({ op: "iova_sync", ...by, offset: 0, size }));
    sync();
    const isInParts = random.below(3) === 0;
    const end = () => {
      whole((bytes) =>
        isInParts
          ? { op: "iova_unlink", ...by, offset: 0, size: bytes, dir, attrs }
          : { op: "iova_destroy", ...by, mapped_len: bytes, dir, attrs }
      );
      const isLeft = (earlier: Earlier<MappingOperation>) =>
        isMade(earlier) && (isInParts || linkedBytes(earlier) === 0);
      this.#then((earlier) => isLeft(earlier) ? { op: "iova_free", ...by } : null);
    };
    this.#add(end, sync);
  }
}
