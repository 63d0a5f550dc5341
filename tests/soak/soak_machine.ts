/**
 * One machine of the soak: a disk, memory for the disk's requests, and the counts that must not
 * have grown when the machine is idle.
 */
import {
  buildLab,
  type DiskOp,
  type Io,
  type Lab,
  type NvmeDisk,
  type NvmeRequest,
} from "@dmalab/devices";
import { caseConfig, type HuntMachine, type HuntRelease, PEER_BYTES } from "@dmalab/hunt";
import {
  ArmedInjection,
  type BioVec,
  eventId,
  GIB,
  INJECTION_POINTS,
  type Machine,
  MIB,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  Plug,
  type Random,
} from "@dmalab/runtime";

const DMA_REPORT = eventId("dma.report");
/** Start of the memory for requests. Each request under way has one place of `PLACE_BYTES` in it. */
const PLACE_BASE = GIB;
const PLACE_BYTES = MIB;
/** The largest number of requests that are under way together. */
const MAX_IN_FLIGHT = 16;
/** Number of scattered pages in the largest requests. */
const MAX_PIECES = 64;
/** Number of the disk's blocks that are read and written: this limits its stored data. */
const BLOCKS_USED = 1024;
/**
 * The machine is advanced by `STEP_NS` up to `MAX_STEPS` times. A request may need two of the
 * driver's timeouts of 30 s: one for its command and one for the abort of the command.
 */
const STEP_NS = 1e9;
const MAX_STEPS = 400;
/** An injection point fails at one of its first `MAX_NTH` hits. */
const MAX_NTH = 8;

/** Number of activities between two audits, which check that all data of the machine is consistent. */
const AUDIT_EVERY = 4096;

export interface Held {
  /** Number of mappings of all devices. */
  readonly mappings: number;
  readonly bounceSlots: number;
  /** Number of blocks of the descriptor pools that requests hold. */
  readonly descriptors: number;
  /** Number of the checker's reports: a driver without mistakes causes none. */
  readonly reports: number;
}

/** An event that affects a machine while requests are under way. */
export type Blow = "none" | "failure" | "reset" | "removal";

export class SoakMachine {
  readonly machine: Machine;
  readonly disk: NvmeDisk;
  readonly #peerBase: number | null;
  /**
   * Whether the disk has metadata. If so, no user commands are sent: they have no metadata buffer,
   * and the metadata would be moved to and from address 0.
   */
  readonly #hasMetadata: boolean;
  /** How often an injected failure happened. */
  failures = 0;

  /** @param onLab Called with the machine and its devices before anything happens on it. */
  constructor(
    spec: HuntMachine,
    release: HuntRelease,
    private readonly random: Random,
    onLab: (lab: Lab) => void = () => {},
  ) {
    const lab = buildLab(caseConfig(spec, release));
    onLab(lab);
    this.machine = lab.machine;
    this.machine.startAudit({ every: AUDIT_EVERY, driversAreRight: true });
    this.disk = lab.device("ssd", "nvme").disk;
    // The soak does not examine completed commands.
    this.disk.driver.keepCommands = false;
    this.#hasMetadata = spec.metadataBytes > 0;
    this.#peerBase = spec.peer === "none" ? null : peerMemoryOf(lab);
  }

  /** Whether the disk accepts requests. */
  get isLive(): boolean {
    return this.disk.driver.life.state === "live";
  }

  get held(): Held {
    const { iommu, swiotlb } = this.machine;
    return {
      mappings: iommu.liveMappings,
      bounceSlots: swiotlb.usedSlots,
      descriptors: this.disk.driver.pools.usedBlocks,
      reports: this.machine.events.count(DMA_REPORT),
    };
  }

  /** Number of IOVA ranges that are in use or in a cache. */
  get ioRanges(): number {
    return this.machine.iommu.domains.reduce((sum, { iova }) => sum + iova.ranges.count, 0);
  }

  /**
   * Runs a few requests to their end.
   * @returns The requests, all of them done.
   */
  batch(blow: Blow): readonly Io[] {
    const { machine } = this;
    const random = this.random;
    const fault = blow === "failure" ? this.#anyFault() : null;
    if (fault !== null) machine.armInjection(fault);
    const plug = random.below(4) === 0 ? new Plug<NvmeRequest>() : null;
    const ios: Io[] = [];
    for (let left = random.below(MAX_IN_FLIGHT); left >= 0; left--) {
      ios.push(this.#submit(left, plug));
    }
    plug?.flush();
    if (blow === "reset" || blow === "removal") this.#strike(blow);
    this.#settle(ios);
    if (fault !== null) {
      machine.disarmFault(fault);
      this.failures += fault.fired;
    }
    return ios;
  }

  #anyFault(): ArmedInjection {
    const random = this.random;
    const nth = 1 + random.below(MAX_NTH);
    return new ArmedInjection(random.below(INJECTION_POINTS.length), nth, nth);
  }

  /** Resets or removes the disk in the middle of the work under way. */
  #strike(blow: "reset" | "removal"): void {
    for (let left = this.random.below(24); left > 0; left--) this.machine.runNextActivity();
    if (!this.isLive) return;
    if (blow === "reset") this.disk.driver.life.reset();
    else this.disk.driver.life.remove();
  }

  #submit(place: number, plug: Plug<NvmeRequest> | null): Io {
    const { disk } = this;
    const random = this.random;
    const draw = random.below(100);
    const lba = random.below(BLOCKS_USED);
    const queue = 1 + random.below(disk.queueCount);
    const held = plug === null ? {} : { plug };
    if (draw < 2) return disk.submit("flush", { queue, ...held });
    if (draw < 5) {
      const op: DiskOp = draw < 4 ? "write_zeroes" : "discard";
      const sizeBytes = (1 + random.below(64)) * disk.blockSizeBytes;
      return disk.submit(op, { lba, sizeBytes, queue, ...held });
    }
    const buffer = { segments: this.#memory(place) };
    if (draw < 8 && !this.#hasMetadata) {
      const blocks = buffer.segments.reduce((sum, each) => sum + each.sizeBytes, 0) /
        disk.blockSizeBytes;
      const dwords = { 10: lba, 12: Math.max(0, Math.ceil(blocks) - 1) };
      return disk.passthrough({ opcode: 1 + random.below(2), buffer, dwords, queue });
    }
    return disk.submit(draw < 54 ? "read" : "write", { lba, buffer, queue, ...held });
  }

  /** Memory of one request: one run, or scattered pages; small requests are most frequent. */
  #memory(place: number): BioVec[] {
    const random = this.random;
    const isPeer = this.#peerBase !== null && random.below(4) === 0;
    const base = (isPeer ? this.#peerBase! : PLACE_BASE) + place * PLACE_BYTES;
    const blockBytes = this.disk.blockSizeBytes;
    const kind = random.below(100);
    if (kind < 84) {
      const blocks = 1 + random.below(kind < 81 ? 8 : 128);
      const offset = blockBytes * random.below(8);
      return [{ phys: base + offset as PhysAddr, sizeBytes: blocks * blockBytes }];
    }
    const pieces = 2 + random.below(kind < 98 ? 6 : MAX_PIECES - 2);
    return Array.from({ length: pieces }, (_, index) => ({
      phys: base + (index * 2 + random.below(2)) * PAGE_SIZE_BYTES as PhysAddr,
      sizeBytes: PAGE_SIZE_BYTES,
    }));
  }

  #settle(ios: readonly Io[]): void {
    for (let step = 0; step < MAX_STEPS; step++) {
      while (this.machine.runNextActivity());
      if (ios.every(({ done }) => done)) return;
      this.machine.advance(STEP_NS);
    }
    throw new Error(`${ios.filter(({ done }) => !done).length} requests never end`);
  }
}

function peerMemoryOf({ devices, topology }: Lab): number | null {
  const peer = devices.get("peer");
  const memory = peer === undefined ? null : topology.peerMemory(peer.function);
  return memory?.alloc(PEER_BYTES) ?? null;
}
