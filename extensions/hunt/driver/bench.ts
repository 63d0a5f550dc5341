/**
 * One machine on which a driver is tried, case after case, and the checks: the device reads exactly
 * the buffer's bytes, in order; its writes arrive; nothing leaks; there is no report and no fault;
 * and `map` fails only if an injected failure makes it fail.
 *
 * The machine is built once. After a case without a violation, the bench resets everything that a
 * map leaves behind in caches (page tables, rcaches, the IOTLB, the flush queue). Therefore the
 * next case reaches the same injection points as on a new machine.
 */
import { BUFFER, dmaRanges, type ScriptDmaRange } from "@dmalab/lang/builtins";
import {
  type DriverDirection,
  type DriverEntry,
  type DriverFunction,
  type Failure,
  type Program,
  TestMachine,
} from "@dmalab/lang/run";
import { spanPlace } from "@dmalab/lang";
import { formatAddress, formatCount, formatSize } from "@dmalab/lang/text";
import { DEFAULT_LIMITS, Handle, type Limits, ScriptError, type Value } from "@dmalab/lang/values";
import type { DmaDevice } from "@dmalab/runtime/dma";
import {
  ArmedInjection,
  type EventName,
  HostBuffer,
  INJECTION,
  INJECTION_POINTS,
  type InjectionPointName,
  type Machine,
  ResourceTracker,
} from "@dmalab/runtime";
import { differenceOf, fillWithNoise } from "../noise.ts";
import {
  CannotHunt,
  type CaseEnd,
  type CaseFault,
  type CaseRefusal,
  type CaseViolation,
  type CaseViolationKind,
  type DriverCase,
} from "./driver_case.ts";
import { type BufferLayout, HIGH_PHYS, LOW_PHYS, ROOM_BYTES, segmentsOf } from "./layout.ts";
import type { MachineVariation } from "./variations.ts";

/** A driver's call with more steps than this is taken for an endless loop. */
const LIMITS: Limits = { ...DEFAULT_LIMITS, steps: 2_000_000 };

/** Error code of a function that ended with an uncaught kernel error. */
const RAISED = "E0902";

/** Error code of a run that would have to be repeated, as for `fork`. */
const AGAIN = "E0922";

/**
 * Error codes for misuse of a function: a value of the wrong type, a missing field or method, a
 * wrong number of arguments.
 */
const MISUSES: ReadonlySet<string> = new Set(["E0913", "E0914", "E0917"]);

/** Injection points of the device, which no driver hits. */
const ACCESSES: ReadonlySet<number> = new Set([
  INJECTION["device.read"],
  INJECTION["device.write"],
]);

/** Calls that, if they fail, justify that `map` fails. */
const MAY_FAIL = [
  "ret.dma_iova_try_alloc",
  "ret.dma_map_phys",
  "ret.dma_map_page",
  "ret.dma_map_single",
  "ret.dma_map_resource",
  "ret.dma_map_sg",
  "ret.dma_map_sgtable",
] as const satisfies readonly EventName[];

/** The outcome of a call of a driver. */
interface Called {
  readonly value: Value;
  /** Null when the call returned normally. */
  readonly failure: Failure | null;
}

export class DriverBench {
  readonly #machine: TestMachine;
  readonly #device: DmaDevice;
  readonly #held: ResourceTracker;
  /**
   * Whether nothing was mapped for the device before the first case. If so, everything in the
   * device's tables comes from the cases, and the tables are renewed after each case.
   */
  readonly #renews: boolean;
  /** Whether the machine has room for buffers above 4 GiB. */
  readonly hasHigh: boolean;
  #buffer: { readonly layout: BufferLayout; readonly buffer: HostBuffer } | null = null;
  #scratch: Uint8Array = new Uint8Array(0);
  #content: Uint8Array = new Uint8Array(0);
  /** Whether a call in this case has failed without an injection. */
  #callFailed = false;
  /** The return value with which `map` failed in this case. */
  #refusal: CaseRefusal | null = null;
  /**
   * Whether a violation occurred or the machine cannot be reset, so that the next case needs
   * another machine.
   */
  spent = false;

  /**
   * @throws {CannotHunt} When the machine has no room for buffers, or the constants cannot be
   *   evaluated.
   */
  constructor(
    readonly program: Program,
    readonly driver: DriverEntry,
    readonly variation: MachineVariation,
  ) {
    this.#machine = new TestMachine(program, variation.config, {
      record: false,
      limits: LIMITS,
      output: { write: () => {} },
    });
    const { failure, machine } = this.#machine;
    if (failure !== null) throw new CannotHunt(failure.diagnostic.message);
    const device = machine.lab.devices.get(driver.device);
    if (device === undefined) throw new Error(`No device is called "${driver.device}"`);
    this.#device = device.dma;
    this.hasHigh = this.machine.pages.claim(HIGH_PHYS, ROOM_BYTES);
    if (!this.machine.pages.claim(LOW_PHYS, ROOM_BYTES)) {
      throw new CannotHunt(
        `The hunt allocates buffers in the ${formatSize(ROOM_BYTES)} at ${
          formatSize(LOW_PHYS)
        }, which ` +
          "must be unused RAM of the machine",
      );
    }
    this.#renews = (device.dma.domain?.table.tables ?? 1) <= 1;
    this.#held = new ResourceTracker(this.machine);
    this.machine.events.listen((event) => {
      const { error, result } = event.fields;
      if (error !== null || result === false) this.#callFailed = true;
    }, MAY_FAIL);
  }

  get machine(): Machine {
    return this.#machine.machine.lab.machine;
  }

  /**
   * Whether the driver accepts buffers of a layout. @throws {CannotHunt} When the driver's function
   * fails.
   */
  takes(layout: BufferLayout): boolean {
    const { takes } = this.driver;
    if (takes === null) return true;
    const { failure, value } = this.#call(takes, [new Handle(BUFFER, this.#bufferOf(layout))]);
    if (failure === null && typeof value === "boolean") return value;
    const what = failure === null ? "must return a bool" : `failed: ${failure.diagnostic.message}`;
    throw new CannotHunt(`The \`takes\` function \`${takes.name}\` ${what}`);
  }

  /**
   * Checks the arguments and results of `map` and `unmap` on one buffer.
   *
   * @returns Whether `map` succeeded, so that its result could be checked. A failure is no error,
   *   because `map` may fail on this machine.
   * @throws {CannotHunt} If the functions do not keep to the contract of a driver.
   */
  keepsContract(layout: BufferLayout, dir: DriverDirection): boolean {
    const { map, unmap } = this.driver;
    const buf = new Handle(BUFFER, this.#bufferOf(layout));
    this.spent = true;
    const mapped = this.#call(map, [buf], dir);
    refuseMisuse(map.name, "map", mapped.failure);
    if (mapped.failure !== null || mapped.value === null || mapped.value === false) return false;
    try {
      dmaRanges(mapped.value);
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      const what = error.hint === null ? "" : `; \`map\` gives ${error.hint}`;
      throw new CannotHunt(
        `\`${map.name}\` breaks the contract of \`map\`: ${error.message}${what}`,
      );
    }
    refuseMisuse(unmap.name, "unmap", this.#call(unmap, [buf, mapped.value], dir).failure);
    return true;
  }

  /**
   * Runs a case. Must not be called on a bench that is spent.
   * @param number Determines the bytes of the case, so that consecutive cases have different bytes.
   */
  run({ dir, fault, layout }: Omit<DriverCase, "machine">, number: number): CaseEnd {
    const { machine } = this;
    const incidentsBefore = this.#machine.machine.incidents.length;
    const buffer = this.#bufferOf(layout);
    this.#content = fillWithNoise(this.#content, buffer.sizeBytes, number);
    buffer.writeAll(this.#content);
    this.#callFailed = false;
    this.#refusal = null;
    this.#machine.vm.refillSteps();
    // Nothing leaked in the last case, so its events can be dropped.
    this.#held.restart();
    const armed = fault === null
      ? null
      : new ArmedInjection(INJECTION[fault.point], fault.nth, fault.nth);
    const counter = armed === null ? machine.countHits() : null;
    if (armed !== null) machine.armInjection(armed);
    const tried = this.#try(buffer, dir, number, () => armed !== null && armed.fired > 0);
    if (armed !== null) machine.disarmFault(armed);
    if (counter !== null) machine.stopCountingFaults(counter);
    const found = tried ?? this.#left() ?? this.#reported(incidentsBefore);
    if (found !== null || !this.#renews) this.spent = true;
    else this.#device.domain?.renew();
    const places = (counter?.places ?? [])
      .filter(({ point }) => !ACCESSES.has(point))
      .map(({ nth, point }): CaseFault => ({
        point: INJECTION_POINTS[point]!.name as InjectionPointName,
        nth,
      }));
    return { wrong: found, refusal: this.#refusal, places };
  }

  #try(
    buffer: HostBuffer,
    dir: DriverDirection,
    number: number,
    fired: () => boolean,
  ): CaseViolation | null {
    const buf = new Handle(BUFFER, buffer);
    const mapped = this.#call(this.driver.map, [buf], dir);
    const { failure: failed } = mapped;
    if (failed !== null && (failed.crashed || failed.diagnostic.code !== RAISED)) {
      return wrong("script", failed.diagnostic.message);
    }
    const handle = mapped.failure === null ? mapped.value : null;
    if (handle === null || handle === false) {
      this.#refusal = handle === false ? "false" : "none";
      if (fired() || this.#callFailed) return null;
      const raised = mapped.failure?.diagnostic.message ??
        `\`${this.driver.map.name}\` returned ${this.#refusal}`;
      return wrong(
        "refused",
        `${raised}, although no failure was injected and no kernel call failed`,
      );
    }
    const moved = this.#move(handle, buffer, dir, number);
    if (moved !== null) return moved;
    const { failure } = this.#call(this.driver.unmap, [buf, handle], dir);
    if (failure !== null) return wrong("script", failure.diagnostic.message);
    return dir === "to_device" ? null : this.#arrived(buffer);
  }

  /**
   * The device's accesses to the buffer, while it is mapped. Their injection points are not
   * counted.
   */
  #move(
    handle: Value,
    buffer: HostBuffer,
    dir: DriverDirection,
    number: number,
  ): CaseViolation | null {
    let ranges: readonly ScriptDmaRange[];
    try {
      ranges = dmaRanges(handle);
    } catch (error) {
      if (error instanceof ScriptError) return wrong("ranges", error.message);
      throw error;
    }
    const sizeBytes = ranges.reduce((sum, range) => sum + range.sizeBytes, 0);
    if (sizeBytes !== buffer.sizeBytes) {
      return wrong(
        "ranges",
        `\`map\` returned DMA ranges of ${formatSize(sizeBytes)} for a buffer of ${
          formatSize(buffer.sizeBytes)
        }`,
      );
    }
    return (dir === "from_device" ? null : this.#reads(ranges, sizeBytes)) ??
      (dir === "to_device" ? null : this.#writes(ranges, sizeBytes, number));
  }

  #reads(ranges: readonly ScriptDmaRange[], sizeBytes: number): CaseViolation | null {
    if (this.#scratch.length < sizeBytes) this.#scratch = new Uint8Array(sizeBytes);
    const fault = this.#access("read", ranges, this.#scratch);
    if (fault !== null) return fault;
    const text = differenceOf(this.#scratch, this.#content, sizeBytes);
    return text === null ? null : wrong("seen", `The device sees ${text}`);
  }

  #writes(
    ranges: readonly ScriptDmaRange[],
    sizeBytes: number,
    number: number,
  ): CaseViolation | null {
    // Overwritten with other bytes, so that the CPU's bytes are not mistaken for the device's.
    this.#content = fillWithNoise(this.#content, sizeBytes, number + 1);
    return this.#access("write", ranges, this.#content);
  }

  /** Lets the device access all ranges in order, until an access faults. */
  #access(
    access: "read" | "write",
    ranges: readonly ScriptDmaRange[],
    bytes: Uint8Array,
  ): CaseViolation | null {
    const { bus, iommu } = this.machine;
    let at = 0;
    for (const { dma, sizeBytes } of ranges) {
      if (!bus[access](this.#device, dma, bytes, at, sizeBytes)) {
        const reason = iommu.faults.at(-1)?.reason ?? "unreachable";
        return wrong(
          "fault",
          `The device's ${access} of ${formatSize(sizeBytes)} at ${
            formatAddress(dma)
          } faults: ${reason}`,
        );
      }
      at += sizeBytes;
    }
    return null;
  }

  #arrived(buffer: HostBuffer): CaseViolation | null {
    const text = differenceOf(buffer.readAll(), this.#content, buffer.sizeBytes);
    return text === null ? null : wrong("written", `The CPU reads ${text}`);
  }

  #left(): CaseViolation | null {
    const { locks } = this.machine.context;
    if (locks > 0) return wrong("locked", `${formatCount(locks, "spin lock")} still held`);
    const leaks = this.#held.leaks();
    return leaks.length === 0 ? null : wrong("left", leaks.map(({ text }) => text).join("; "));
  }

  #reported(before: number): CaseViolation | null {
    const event = this.#machine.machine.incidents[before];
    if (event === undefined) return null;
    return event.name === "dma.report"
      ? wrong("report", `${event.fields.class}: ${event.fields.text}`)
      : wrong("fault", `The device's access faults: ${event.fields.reason}`);
  }

  #call(
    { function: index, name, takesDirection }: DriverFunction,
    args: readonly Value[],
    dir?: DriverDirection,
  ): Called {
    const word = dir === undefined ? undefined : this.program.registry.words.get(dir);
    const failure = this.#machine.vm.run(
      index,
      takesDirection && word !== undefined ? [...args, word] : args,
    );
    if (failure?.diagnostic.code === AGAIN) {
      throw new CannotHunt(`\`${name}\` cannot be hunted: ${failure.diagnostic.message}`);
    }
    return { value: failure === null ? this.#machine.vm.result : null, failure };
  }

  #bufferOf(layout: BufferLayout): HostBuffer {
    if (this.#buffer?.layout !== layout) {
      this.#buffer = { layout, buffer: new HostBuffer(this.machine, segmentsOf(layout)) };
    }
    return this.#buffer.buffer;
  }
}

/** Throws if a function was called according to the contract but expects other arguments. */
function refuseMisuse(name: string, key: "map" | "unmap", failure: Failure | null): void {
  if (failure === null || !MISUSES.has(failure.diagnostic.code)) return;
  throw new CannotHunt(
    `\`${name}\` breaks the contract of \`${key}\` at ${spanPlace(failure.diagnostic.span)}: ` +
      `${failure.diagnostic.message}; it is called as ` +
      (key === "map" ? "`map(buf)` or `map(buf, dir)`" : "`unmap(buf, handle)` or with `dir`"),
  );
}

function wrong(kind: CaseViolationKind, text: string): CaseViolation {
  return { kind, text };
}
