/**
 * Fault injection: named points of the runtime that can be made to fail.
 *
 * A point is a place where a real kernel or a device's access can fail: at the entry of an API
 * function, at an allocation inside one, at the bus. A point that is not armed does nothing. While
 * no point is armed, a machine has no injector, and a point costs only one null check.
 *
 *     const { faults } = machine;
 *     if (faults !== null && faults.errnoAt(INJECTION.dma_iova_link) !== 0) …
 *
 * The injector also counts the hits of all points, in the order in which execution reaches them, so
 * a run can be repeated once for each hit.
 */
import { type BlkStatusName, ERRNO, type ErrnoName, invariant } from "./errno.ts";
import { eventId } from "./event_vocabulary.ts";
import type { EventStream } from "./events.ts";
import { wordsOf } from "./vocabulary/fields.ts";
import { type FailingCall, failingCalls } from "./vocabulary/kernel_calls.ts";
import { FAULT_REASON, type FaultReason } from "./vocabulary/shared_words.ts";

const INJECT = eventId("inject");

/**
 * The error of a failing point. This is an errno, the fault reason of a device's access, or the
 * status of a completion.
 */
export type InjectedError = ErrnoName | FaultReason | BlkStatusName;

export interface InjectionPointSpec {
  readonly name: string;
  /** The failing action, as a sentence fragment. */
  readonly doc: string;
  /**
   * The point's possible errors, the default first. A function that fails by returning false has
   * one error.
   */
  readonly errors: readonly InjectedError[];
  /**
   * False if the failure makes the device stop responding, so that a command ends only at its
   * driver's timeout. Also false if the failure is only an answer of the device and the host loses
   * nothing. `inject each` skips points with false.
   */
  readonly survivable: boolean;
  /**
   * The effect of a failure, as the verb of a sentence: `fails`, or `joins entries` where nothing
   * fails.
   */
  readonly does: string;
  /**
   * The removal as a clause, for example `the driver is removed`. Set only for points that remove a
   * driver or device. Hits of such a point are the moments between two events.
   */
  readonly removal?: string;
}

const FAILS = "fails";
const NO_MEMORY: readonly InjectedError[] = ["ENOMEM"];
const ACCESS_REASONS: readonly InjectedError[] = [
  "unreachable",
  ...wordsOf(FAULT_REASON).filter((reason) => reason !== "unreachable"),
];

/** The possible block-layer statuses of a completion. */
const DEVICE_STATUSES: readonly InjectedError[] = [
  "MEDIUM",
  "RESV_CONFLICT",
  "ZONE_OPEN_RESOURCE",
  "ZONE_ACTIVE_RESOURCE",
];

function point<N extends string>(
  name: N,
  errors: readonly InjectedError[],
  doc: string,
  survivable = true,
  does = FAILS,
) {
  return { name, doc, errors, survivable, does };
}

/** A removal that `remove each` or `unplug each` tries; `inject each` skips it. */
function removal<N extends string>(name: N, doc: string, removal: string) {
  return { ...point(name, ["ENODEV"], doc, false), removal };
}

/**
 * Points that are not functions of `CALL_TABLE`. To add a point, add a row, and call the injector
 * at the place that can fail.
 */
const POINTS = [
  point("mempool_alloc", NO_MEMORY, "no array for saved mappings, or no scatterlist, is available"),
  point("alloc_pages", NO_MEMORY, "no pages of host memory are available"),
  point("hmm_pfn_list.alloc", NO_MEMORY, "no list of page frames is allocated"),
  point("hmm_dma_list.alloc", NO_MEMORY, "no list of page addresses is allocated"),
  point("kvmalloc", NO_MEMORY, "no memory for a driver's array or table is available"),
  point("mmu_interval_notifier_insert", NO_MEMORY, "a driver cannot register for invalidations"),
  point("page_table.alloc", NO_MEMORY, "no memory for an IOMMU page table is available"),
  point("iova.alloc", NO_MEMORY, "no IOVA range fits"),
  point("swiotlb.alloc", NO_MEMORY, "no slots of the bounce-buffer pool are free"),
  point("device.read", ACCESS_REASONS, "a device's read of memory faults"),
  point("device.write", ACCESS_REASONS, "a device's write to memory faults"),
  point("queue.read", ACCESS_REASONS, "a device cannot fetch a command, and stops working", false),
  point(
    "queue.write",
    ACCESS_REASONS,
    "a device cannot post a completion, and stops working",
    false,
  ),
  point("queue.create", ["EIO"], "a controller creates no further queue"),
  point("device.answer", ["ETIMEDOUT"], "a device accepts a command and never completes it", false),
  point(
    "device.status",
    DEVICE_STATUSES,
    "a device completes a command with an error status",
    false,
  ),
  point("device.interrupt", ["ETIMEDOUT"], "an interrupt of a device is lost", false),
  point("device.stop", ["ETIMEDOUT"], "a controller ignores the request to stop", false),
  point("pci_enable_device", ["EIO"], "a device cannot be enabled"),
  point("pci_request_regions", ["EBUSY"], "a device's BAR is already claimed"),
  point("pci_iomap", NO_MEMORY, "a device's BAR cannot be mapped"),
  point("pci_alloc_irq_vectors", ["ENOSPC"], "no interrupt vectors are available"),
  point("request_irq", NO_MEMORY, "no handler can be registered for an interrupt"),
  point(
    "dma_map_sg.merge",
    ["OK"],
    "a list that C maps has its entries joined, as behind an IOMMU, so that `dma_map_sg()` returns fewer",
    true,
    "joins entries",
  ),
  point("vfio.key", ["EIO", "ENOMEM", "EINVAL"], "a device creates no key for a migration buffer"),
  removal("driver.remove", "a driver in C is unbound from its device", "the driver is removed"),
  removal("device.unplug", "the device of a driver in C is pulled out", "the device is unplugged"),
] as const;

/** @internal */
export type InjectionPoints = typeof POINTS;

/** The name of an injection point. */
export type InjectionPointName = FailingCall | InjectionPoints[number]["name"];

/** A point, by its number. */
export type InjectionPoint = number;

/**
 * Every point, in the order of their numbers: first the kernel's functions, then the rows of
 * `POINTS`.
 */
export const INJECTION_POINTS: readonly InjectionPointSpec[] = [
  ...failingCalls().map((call) => ({ ...call, survivable: true, does: FAILS })),
  ...POINTS,
];

/** The numbers of the points, by name. */
export const INJECTION = Object.fromEntries(
  INJECTION_POINTS.map(({ name }, index) => [name, index]),
) as Readonly<Record<InjectionPointName, InjectionPoint>>;

/** The effect of an armed point, by its name: `fails`, or `joins entries`. */
export function whatInjectionDoes(name: string): string {
  return INJECTION_POINTS.find((each) => each.name === name)?.does ?? FAILS;
}

/** One hit of a point: the `nth` since the counting began. */
export interface InjectionHit {
  readonly point: InjectionPoint;
  readonly nth: number;
  /** The site of the running code, as in events; null where no code was running. */
  readonly site: number | null;
}

/** An armed injection. It counts the hits of its point from the moment it is armed. */
export class ArmedInjection {
  /** Number of hits of the point since the injection was armed. */
  seen = 0;
  /** Number of hits that failed. */
  fired = 0;
  /** Its error. */
  readonly error: InjectedError;

  /**
   * Describes which hits of a point fail.
   *
   * @param first The first hit that fails, from 1.
   * @param last The last hit that fails; default: all hits from the first on.
   * @param error Error to use instead of the default error.
   */
  constructor(
    readonly point: InjectionPoint,
    readonly first: number = 1,
    readonly last: number = Infinity,
    error: InjectedError | null = null,
  ) {
    const { errors, name } = INJECTION_POINTS[point]!;
    this.error = error ?? errors[0]!;
    invariant(errors.includes(this.error), `${name} cannot fail with ${this.error}`);
  }
}

/** Records every hit of a point from the moment it is added to an injector. */
export class HitCounter {
  readonly #passed: Omit<InjectionHit, "nth">[] = [];

  /** Records a hit of a point. */
  note(point: InjectionPoint, site: number | null): void {
    this.#passed.push({ point, site });
  }

  /** Every hit of a survivable point, in the order in which the points were passed. */
  get places(): readonly InjectionHit[] {
    return this.#hits((point) => INJECTION_POINTS[point]!.survivable);
  }

  /** The hits of one point, in the order in which they were passed. */
  hitsOf(point: InjectionPoint): readonly InjectionHit[] {
    return this.#hits((each) => each === point);
  }

  #hits(isWanted: (point: InjectionPoint) => boolean): readonly InjectionHit[] {
    const counts = new Map<InjectionPoint, number>();
    const places: InjectionHit[] = [];
    for (const { point, site } of this.#passed) {
      const nth = (counts.get(point) ?? 0) + 1;
      counts.set(point, nth);
      if (isWanted(point)) places.push({ point, nth, site });
    }
    return places;
  }
}

/** A function on the call stack, with the place of its current call. */
export interface CallFrame {
  /** The function's name. */
  readonly name: string;
  /** The statement, numbered as in events. */
  readonly site: number;
}

/** The armed points, and the counters of hits. */
export class FailureInjector {
  readonly #armed: ArmedInjection[] = [];
  readonly #counters: HitCounter[] = [];

  /** The call stack at the last failure of a point, innermost function first; empty if no stack is known. */
  lastStack: readonly CallFrame[] = [];

  /** @param callStack Returns the current call stack, for code with its own stack, such as C. */
  constructor(
    private readonly events: EventStream,
    private readonly callStack: () => readonly CallFrame[] = () => [],
  ) {}

  /** True when no point is armed and no hits are counted. */
  get idle(): boolean {
    return this.#armed.length === 0 && this.#counters.length === 0;
  }

  /** Whether a point has failed by an injection that is still armed. */
  get hasFired(): boolean {
    return this.#armed.some(({ fired }) => fired > 0);
  }

  arm(fault: ArmedInjection): void {
    this.#armed.push(fault);
  }

  disarm(fault: ArmedInjection): void {
    remove(this.#armed, fault);
  }

  /** Adds a counter that records every hit from this call on. */
  count(counter: HitCounter): void {
    this.#counters.push(counter);
  }

  stopCounting(counter: HitCounter): void {
    remove(this.#counters, counter);
  }

  /** Called at a point: returns a negative errno when the point must fail, else 0. */
  errnoAt(point: InjectionPoint): number {
    const error = this.#pass(point);
    return error === null ? 0 : -ERRNO[error as ErrnoName];
  }

  /** Called at a point of the bus. Returns the fault reason if the access must fault, else null. */
  reasonAt(point: InjectionPoint): FaultReason | null {
    return this.#pass(point) as FaultReason | null;
  }

  /** Called at a completion: returns the status to use instead, or null. */
  statusAt(point: InjectionPoint): BlkStatusName | null {
    return this.#pass(point) as BlkStatusName | null;
  }

  #pass(point: InjectionPoint): InjectedError | null {
    for (const counter of this.#counters) counter.note(point, this.events.context.site);
    let failing: ArmedInjection | null = null;
    for (const fault of this.#armed) {
      if (fault.point !== point) continue;
      fault.seen++;
      if (fault.seen >= fault.first && fault.seen <= fault.last) failing ??= fault;
    }
    if (failing === null) return null;
    failing.fired++;
    this.lastStack = this.callStack();
    if (this.events.tick(INJECT)) {
      const { name } = INJECTION_POINTS[point]!;
      this.events.emit(INJECT, { point: name, nth: failing.seen, error: failing.error });
    }
    return failing.error;
  }
}

function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}

/**
 * Makes a function that returns true if the allocation of a page-table page must fail, because a
 * failure is armed.
 */
export function failingTables(
  platform: { readonly faults: FailureInjector | null },
): () => boolean {
  return () =>
    platform.faults !== null && platform.faults.errnoAt(INJECTION["page_table.alloc"]) !== 0;
}
