/**
 * Runs a case and checks the property: the bytes and the status are right, there is no device
 * fault, the device can access no memory that does not belong to the request, and nothing leaks.
 *
 * Nothing here depends on a known defect.
 */
import {
  buildLab,
  type Io,
  type Lab,
  type Media,
  type NvmeDisk,
  type NvmeRequest,
} from "@dmalab/devices";
import {
  ArmedInjection,
  Bio,
  BIO_FLAG,
  type BlkStatusName,
  GIB,
  HostBuffer,
  INJECTION,
  type Machine,
  Plug,
  ResourceTracker,
  SECTOR_SIZE_BYTES,
} from "@dmalab/runtime";
import {
  hasBehaviour,
  type KernelConfig,
  kernelNamed,
  type KernelProfile,
} from "@dmalab/runtime/kernels";
import {
  CACHE_LINE_BYTES,
  caseConfig,
  metadataBytesOf,
  PEER_BYTES,
  takesMetadataSgl,
} from "./case_machine.ts";
import { eachNoise } from "../noise.ts";
import { DeviceWatch, type Extent } from "./device_watch.ts";
import { allowedEnds, copiesMetadata } from "./expected_end.ts";
import {
  type HuntCase,
  type HuntFault,
  type HuntMachine,
  type HuntRelease,
  type HuntStep,
  isUserCommand,
  readsDisk,
} from "./hunt_case.ts";
import {
  HIGH_BASE,
  type LayoutFacts,
  MAX_BYTES,
  MemoryLayout,
  type PlacedIo,
} from "./memory_layout.ts";
import type { Violation, ViolationKind } from "./violation.ts";

/**
 * Maximum number of activities of a step; only a step with a request that is retried endlessly has
 * more.
 */
const MAX_ACTIVITIES = 40_000;
/** Number of activities between two consistency checks of the machine. */
const AUDIT_EVERY = 32;
/** Byte that fills memory before the device writes it. */
const UNTOUCHED = 0xaa;
/** Number of bytes that are compared at once. */
const PART_BYTES = 2 ** 16;
const OPCODE = { user_read: 2, user_write: 1 } as const;

/** Runs the steps of a case on its machine. */
export class CaseRun {
  readonly machine: Machine;
  readonly disk: NvmeDisk;
  readonly #media: Media;
  readonly #watch: DeviceWatch;
  readonly #held: ResourceTracker;
  readonly #facts: LayoutFacts;
  /** Buffer for a part of a request's expected content. */
  readonly #content = new Uint8Array(PART_BYTES);
  #step = 0;
  /** The statuses of the last step's requests. */
  ends: readonly (BlkStatusName | null)[] = [];

  /**
   * @param mostBytes Maximum size of a request. A longer request is shortened to this size.
   * @param onLab Called with the machine and its devices before any request is made.
   * @param watch Observes which rules are read.
   */
  constructor(
    private readonly spec: HuntMachine,
    release: HuntRelease,
    mostBytes: number = MAX_BYTES,
    onLab: (lab: Lab) => void = () => {},
    watch: KernelConfig["watch"] = null,
  ) {
    const lab = buildLab(caseConfig(spec, release, watch));
    onLab(lab);
    const device = lab.device(spec.given?.disk ?? "ssd", "nvme");
    this.machine = lab.machine;
    this.machine.startAudit({ every: AUDIT_EVERY, driversAreRight: release.quirks.size === 0 });
    this.disk = device.disk;
    this.#media = device.media;
    this.#watch = new DeviceWatch(lab.machine, device.dma);
    this.#held = new ResourceTracker(lab.machine);
    const peer = lab.devices.get(spec.given?.peer ?? "peer");
    const peerMemory = peer === undefined || spec.peer === "none"
      ? null
      : lab.topology.peerMemory(peer.function);
    this.#facts = {
      ...layoutFactsOf(spec, release.kernel, peerMemory?.alloc(PEER_BYTES) ?? 0),
      mostBytes,
    };
  }

  /** Runs one step. @returns The violation, or null. */
  step(step: HuntStep): Violation | null {
    const index = this.#step++;
    const placed = placeStep(step, this.machine, this.#facts);
    prepareMemory(placed, index);
    this.#held.restart();
    this.#watch.begin(placed.flatMap(({ memory }) => [memory.data, memory.metadata]));
    const { fault } = step;
    const armed = fault === null
      ? null
      : new ArmedInjection(INJECTION[fault.point], fault.nth, fault.nth);
    if (armed !== null) this.machine.armInjection(armed);
    let ios: readonly Io[];
    try {
      ios = this.#submit(step, placed);
      this.#finish(ios);
    } catch (error) {
      return violation(index, "crash", (error as Error).message);
    } finally {
      if (armed !== null) this.machine.disarmFault(armed);
    }
    const failed = armed !== null && armed.fired > 0;

    this.ends = ios.map(({ status }) => status);
    return this.#damage(index, ios, placed, failed, fault) ??
      this.#leftOver(index) ?? this.#sight(index, ios, ["report"]);
  }

  /** The violation in the device's accesses, or in the results of the requests. */
  #damage(
    step: number,
    ios: readonly Io[],
    placed: readonly PlacedIo[],
    failed: boolean,
    fault: HuntFault | null,
  ): Violation | null {
    const refused = failed && fault!.point.startsWith("device.");
    const seen = this.#sight(
      step,
      ios,
      refused ? ["outside", "list"] : ["fault", "outside", "list"],
    );
    if (seen !== null) return seen;
    for (const [number, io] of ios.entries()) {
      const found = (kind: ViolationKind, text: string) => violation(step, kind, text, number);
      const { status } = io;
      if (status === null) return found("hang", "the request never completes");
      const ends = allowedEnds(
        this.spec,
        kernelNamed(this.machine.config.kernel),
        this.disk.limits,
        placed[number]!,
      );
      if (!ends.includes(status) && !(failed && status !== "OK")) {
        return found("status", `it completes with ${status}, not ${ends.join(" or ")}`);
      }
      const wrong = this.#wrongBytes(placed[number]!, io);
      if (wrong !== null) return found("bytes", wrong);
    }
    return null;
  }

  #leftOver(step: number): Violation | null {
    const [leak] = this.#held.leaks();
    return leak === undefined ? null : violation(step, "left", leak.text);
  }

  /** The first observed forbidden access of these kinds. */
  #sight(
    step: number,
    ios: readonly Io[],
    kinds: readonly ViolationKind[],
  ): Violation | null {
    const sight = this.#watch.sights.find(({ kind }) => kinds.includes(kind));
    if (sight === undefined) return null;
    const io = ios.findIndex(({ requests }) => requests.some(({ id }) => id === sight.request));
    const outside = sight.outside?.written === true ? sight.outside : null;
    return violation(step, sight.kind, sight.text, io < 0 ? null : io, outside);
  }

  #submit(step: HuntStep, placed: readonly PlacedIo[]): readonly Io[] {
    const plug = step.plugged ? new Plug<NvmeRequest>() : null;
    const ios = placed.map((each) => {
      const io = this.#submitOne(each, plug);
      for (const request of io.requests) this.#watch.follow(request);
      return io;
    });
    plug?.flush();
    return ios;
  }

  #submitOne({ data, io, lba, memory, metadata }: PlacedIo, plug: Plug<NvmeRequest> | null): Io {
    const { blockSizeBytes } = this.spec;
    const own = metadata === null ? {} : { metadata };
    if (isUserCommand(io.op)) {
      return this.disk.passthrough({
        opcode: OPCODE[io.op as keyof typeof OPCODE],
        buffer: data,
        ...own,
        dwords: { 10: lba, 12: memory.dataBytes / blockSizeBytes - 1 },
      });
    }
    const bio = new Bio(
      io.op as "read" | "write",
      (lba * blockSizeBytes) / SECTOR_SIZE_BYTES,
      data.segments,
      data.sizeBytes,
      // Peer memory is never joined to other memory (block.md 1.4).
      io.peer && this.#facts.peerBase !== null ? BIO_FLAG.NOMERGE : 0,
    );
    if (metadata !== null) bio.metadata = metadata.segments;
    return this.disk.submitBio(bio, 0, plug);
  }

  #finish(ios: readonly Io[]): void {
    for (let count = 0; count < MAX_ACTIVITIES; count++) {
      if (this.machine.runNextActivity()) continue;
      if (ios.every(({ done }) => done)) return;
      this.machine.advance(1e6);
    }
  }

  /** Checks the data of a successful request: all bytes were transferred, and no others changed. */
  #wrongBytes(placed: PlacedIo, { status }: Io): string | null {
    const { data, io, lba, metadata } = placed;
    if (status !== "OK") return null;
    const { blockSizeBytes, metadataBytes } = this.#facts;
    const where = readsDisk(io.op) ? "in memory" : "on the disk";
    const at = lba * blockSizeBytes;
    let wrong = 0;
    for (let done = 0; done < data.sizeBytes; done += PART_BYTES) {
      const part = data.slice(done, Math.min(done + PART_BYTES, data.sizeBytes));
      part.readInto(this.#content);
      wrong += countDifferences(this.#media.data, at + done, this.#content, part.sizeBytes);
    }
    if (wrong > 0) return `${wrong} of ${data.sizeBytes} bytes ${where} are wrong`;
    if (metadata === null) return null;
    const formatBytes = (data.sizeBytes / blockSizeBytes) * metadataBytes;
    const held = metadata.readAll();
    const compared = Math.min(held.length, formatBytes);
    const wrongMetadata = countDifferences(
      this.#media.metadata,
      lba * metadataBytes,
      held,
      compared,
    );
    if (wrongMetadata > 0) {
      return `${wrongMetadata} of ${formatBytes} bytes of metadata ${where} are wrong`;
    }
    const past = copiesMetadata(this.disk.limits, placed) ? 0 : UNTOUCHED;
    if (readsDisk(io.op) && held.subarray(formatBytes).some((byte) => byte !== past)) {
      return "metadata past that of the blocks has changed";
    }
    return null;
  }
}

function violation(
  step: number,
  kind: ViolationKind,
  text: string,
  io: number | null = null,
  outside: Extent | null = null,
): Violation {
  return { kind, text, step, io, outside };
}

/**
 * The machine's properties on which the memory layout depends.
 * @param peerBase Start of the peer's memory.
 */
export function layoutFactsOf(
  machine: HuntMachine,
  kernel: KernelProfile,
  peerBase: number,
): LayoutFacts {
  return {
    blockSizeBytes: machine.blockSizeBytes,
    metadataBytes: metadataBytesOf(machine),
    peerBase: machine.peer === "none" ? null : peerBase,
    metadataHasLength: takesMetadataSgl(machine) &&
      !hasBehaviour(kernel, "metadata_by_one_pointer"),
    // Whether the pieces of every step fit above 4 GiB.
    hasHigh: machine.given === null || machine.given.config.ramSizeBytes >= HIGH_BASE + GIB,
    mostBytes: MAX_BYTES,
    lineBytes: machine.coherent ? 1 : CACHE_LINE_BYTES,
  };
}

/** Runs a whole case. @returns The first violation, or null. */
export function runCase(each: HuntCase, release: HuntRelease): Violation | null {
  const run = new CaseRun(each.machine, release);
  for (const step of each.steps) {
    const violation = run.step(step);
    if (violation !== null) return violation;
  }
  return null;
}

/**
 * Assigns memory and blocks of the disk to each request of a step. The requests are handled one
 * after the other.
 */
function placeStep(step: HuntStep, machine: Machine, facts: LayoutFacts): PlacedIo[] {
  const layout = new MemoryLayout(facts);
  let lba = 0;
  return step.ios.map((io) => {
    const memory = layout.place(io);
    const placed: PlacedIo = {
      io,
      memory,
      lba,
      data: new HostBuffer(machine, memory.data),
      metadata: memory.metadata.length === 0 ? null : new HostBuffer(machine, memory.metadata),
    };
    lba += memory.dataBytes / facts.blockSizeBytes;
    return placed;
  });
}

function prepareMemory(placed: readonly PlacedIo[], step: number): void {
  for (const [index, { data, io, metadata }] of placed.entries()) {
    for (const [part, buffer] of [data, metadata].entries()) {
      if (buffer === null) continue;
      if (readsDisk(io.op)) buffer.fill(UNTOUCHED);
      else {eachNoise(buffer.sizeBytes, step * 8 + index * 2 + part, (at, bytes) => {
          buffer.slice(at, at + bytes.length).writeAll(bytes);
        });}
    }
  }
}

/** Number of bytes of a disk that differ from the host's bytes. */
function countDifferences(
  store: Media["data"],
  offsetBytes: number,
  held: Uint8Array,
  sizeBytes: number,
): number {
  if (store.holds(offsetBytes, held, sizeBytes)) return 0;
  const stored = store.bytes(offsetBytes, sizeBytes);
  return stored.reduce((wrong, byte, index) => byte === held[index] ? wrong : wrong + 1, 0);
}
