/**
 * The soak: requests on long-lived machines, with failures, resets and removals while requests are
 * under way. Whenever no request is under way, a machine must hold no more objects than before.
 */
import {
  buildLab,
  type Io,
  type Lab,
  type NvmeDisk,
  type NvmeRequest,
  unplugNvme,
} from "@dmalab/devices";
import {
  BATCHES,
  caseConfig,
  HUNT_MACHINES,
  type HuntMachine,
  type HuntRelease,
  PEER_BYTES,
  type SoakBatch,
  type SoakIo,
} from "@dmalab/hunt";
import {
  ArmedInjection,
  type BioVec,
  eventId,
  GIB,
  INJECTION,
  type Machine,
  MIB,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  Plug,
} from "@dmalab/runtime";
import { KERNEL_NAMES, type QuirkName } from "@dmalab/runtime/kernels";
import { stepCheck } from "./check.ts";

const DMA_REPORT = eventId("dma.report");
/** Start of the memory for requests. Each request under way has one place of `PLACE_BYTES` in it. */
const PLACE_BASE = GIB;
const PLACE_BYTES = MIB;
/**
 * The machine is advanced by `STEP_NS` up to `MAX_STEPS` times. A request may need two of the
 * driver's timeouts of 30 s: one for its command and one for the abort of the command.
 */
const STEP_NS = 1e9;
const MAX_STEPS = 400;

/** Number of activities between two audits, which check that all data of the machine is consistent. */
const AUDIT_EVERY = 4096;

interface Held {
  /** Number of mappings of all devices. */
  readonly mappings: number;
  readonly bounceSlots: number;
  /** Number of blocks of the descriptor pools that requests hold. */
  readonly descriptors: number;
  /** Number of the checker's reports: a driver without mistakes causes none. */
  readonly reports: number;
}

export class SoakMachine {
  readonly machine: Machine;
  readonly disk: NvmeDisk;
  readonly #peerBase: number | null;
  /**
   * Whether the disk has metadata. If so, no user commands are sent: they have no metadata buffer,
   * and the metadata would be moved to and from address 0.
   */
  readonly #hasMetadata: boolean;
  readonly #lab: Lab;
  /** How often an injected failure happened. */
  failures = 0;

  /** @param onLab Called with the machine and its devices before anything happens on it. */
  constructor(
    spec: HuntMachine,
    release: HuntRelease,
    onLab: (lab: Lab) => void = () => {},
  ) {
    const lab = buildLab(caseConfig(spec, release));
    onLab(lab);
    this.#lab = lab;
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
  batch({ blow, blowAfter, fault, ios: asked, plugged }: SoakBatch): readonly Io[] {
    const { machine } = this;
    const armed = fault === null
      ? null
      : new ArmedInjection(INJECTION[fault.point], fault.nth, fault.nth);
    if (armed !== null) machine.armInjection(armed);
    const plug = plugged ? new Plug<NvmeRequest>() : null;
    const ios = asked.map((io, place) => this.#submit(io, place, plug));
    plug?.flush();
    if (blow !== "none") this.#strike(blow, blowAfter, armed);
    this.#settle(ios);
    if (armed !== null) {
      machine.disarmFault(armed);
      this.failures += armed.fired;
    }
    return ios;
  }

  /**
   * Resets the disk or pulls it out in the middle of the work under way. An injected failure may end
   * the reset, and the controller is dead then.
   */
  #strike(blow: "reset" | "removal", after: number, armed: ArmedInjection | null): void {
    for (let left = after; left > 0; left--) this.machine.runNextActivity();
    if (!this.isLive) return;
    if (blow === "reset") {
      const fired = armed?.fired;
      try {
        this.disk.driver.life.reset();
      } catch (error) {
        if (armed?.fired === fired || this.isLive) throw error;
      }
    } else unplugNvme(this.#lab.device("ssd", "nvme"), this.#lab);
  }

  #submit(asked: SoakIo, place: number, plug: Plug<NvmeRequest> | null): Io {
    const { disk } = this;
    const { lba, op } = asked;
    const queue = 1 + asked.queue % disk.queueCount;
    const held = plug === null ? {} : { plug };
    if (op === "flush") return disk.submit(op, { queue, ...held });
    const buffer = { segments: this.#memory(asked, place) };
    const sizeBytes = buffer.segments.reduce((sum, each) => sum + each.sizeBytes, 0);
    if (op === "write_zeroes" || op === "discard") {
      return disk.submit(op, { lba, sizeBytes, queue, ...held });
    }
    const isUser = op === "user_read" || op === "user_write";
    if (isUser && !this.#hasMetadata) {
      const dwords = { 10: lba, 12: sizeBytes / disk.blockSizeBytes - 1 };
      return disk.passthrough({ opcode: op === "user_read" ? 2 : 1, buffer, dwords, queue });
    }
    const bio = op === "user_read" || op === "read" ? "read" : "write";
    return disk.submit(bio, { lba, buffer, queue, ...held });
  }

  /** Memory of one request. */
  #memory({ memory, peer }: SoakIo, place: number): BioVec[] {
    const first = peer && this.#peerBase !== null ? this.#peerBase : PLACE_BASE;
    const base = first + place * PLACE_BYTES;
    const { blockSizeBytes } = this.disk;
    if ("blocks" in memory) {
      const phys = base + memory.offsetBlocks * blockSizeBytes as PhysAddr;
      return [{ phys, sizeBytes: memory.blocks * blockSizeBytes }];
    }
    return memory.freePages.map((free, index) => ({
      phys: base + (index * 2 + free) * PAGE_SIZE_BYTES as PhysAddr,
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

/**
 * @param quirks Defects that all machines have.
 */
export function soakCheck(quirks: readonly QuirkName[] = []) {
  return stepCheck({
    name: "soak",
    about: "requests with failures, resets and removals leave nothing on a machine",
    script: "soak",
    budget: { short: [36, 20], script: [300, 4000], sums: [24, 6] },
    keepsHeap: true,
    machine: (number) => {
      const kernel = KERNEL_NAMES[number % KERNEL_NAMES.length]!;
      return HUNT_MACHINES.map((machine) => ({ ...machine, kernel }));
    },
    // The first machine is never removed.
    steps: (_, number) =>
      number === 0 ? BATCHES.map((batch) => ({ ...batch, blow: "none" as const })) : BATCHES,
    start({ kernel, ...machine }, { onLab, onMachine, tally }) {
      const each = new SoakMachine(machine, { kernel, quirks: new Set(quirks) }, onLab);
      onMachine?.(each.machine);
      return {
        step(batch) {
          if (!each.isLive) return "";
          const before = each.held;
          const ios = each.batch(batch);
          tally.add("requests", ios.length);
          tally.add("ended well", ios.filter(({ status }) => status === "OK").length);
          tally.add(`blow: ${batch.blow}`);
          const { held } = each;
          for (const what of Object.keys(held) as (keyof Held)[]) {
            if (held[what] <= before[what]) continue;
            throw new Error(`${held[what]} ${what} are held, and ${before[what]} were`);
          }
          return `${ios.map(({ statusCode }) => statusCode).join(" ")} ${each.machine.clock.nowNs}`;
        },
        end: () => tally.add("failures", each.failures),
      };
    },
    enough: (tally, cases) =>
      tally.of("requests") > 100 * cases && tally.of("ended well") > 0.9 * tally.of("requests") &&
      tally.of("failures") > 5 && tally.of("blow: reset") > 0,
  });
}

export const SOAK = soakCheck();
