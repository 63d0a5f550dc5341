/**
 * Queued work of the host and of the devices. Each activity runs to its end without interruption.
 *
 * Because nothing stops inside an activity, the runtime needs no generators. To show a single event
 * inside an activity, the deterministic machine is run again up to that event
 * (docs/language/stepping.md).
 */
import type { VirtualClock } from "./time/clock.ts";
import { invariant } from "./errno.ts";
import type { EventContext, EventOrigin } from "./event_context.ts";
import { zeros } from "./zeros.ts";

/** A part of the machine that queues activities and runs them when their turn comes. */
export interface ActivityHandler {
  /**
   * True when the activities are a device's: they then advance that device's clock. If the property
   * is absent, they advance a CPU's clock.
   */
  readonly byDevice?: true;
  /**
   * Runs one activity to its end.
   * @param kind A number the handler chose when it posted the activity.
   * @param argument A number the handler chose, such as a tag or a queue.
   */
  runActivity(kind: number, argument: number): void;
}

/**
 * Origin of a queued activity: the device, request and statement for which the activity works.
 * There is one object for each slot of the ring, and it is reused.
 */
class SavedOrigin implements EventOrigin {
  cpu = 0;
  device: string | null = null;
  request: number | null = null;
  site: number | null = null;

  set(cpu: number, device: string | null, request: number | null, site: number | null): void {
    this.cpu = cpu;
    this.device = device;
    this.request = request;
    this.site = site;
  }
}

/** A power of two, like every later capacity, so that indices wrap around with a mask. */
const INITIAL_SLOTS = 16;

/** A first-in first-out queue in a growing ring: posting and running allocate nothing. */
export class ActivityQueue {
  readonly #context: EventContext;
  #handlers: (ActivityHandler | undefined)[] = new Array(INITIAL_SLOTS).fill(undefined);
  #kinds = zeros(Int32Array, INITIAL_SLOTS);
  #arguments = zeros(Float64Array, INITIAL_SLOTS);
  /**
   * The object of a slot is created when the slot is first used, because most machines of a sweep
   * have few activities at a time.
   */
  #origins: SavedOrigin[] = [];
  #head = 0;
  #length = 0;

  /**
   * @param clock Its `context` contains the owner of the current work; a posted activity gets this
   *   owner.
   */
  constructor({ context }: VirtualClock) {
    this.#context = context;
  }

  /** How many activities wait. */
  get length(): number {
    return this.#length;
  }

  /** Queues an activity after all others, with the origin of its poster. */
  post(handler: ActivityHandler, kind: number, argument: number): void {
    const { cpu, device, request, site } = this.#context;
    this.#push(handler, kind, argument).set(cpu, device, request, site);
  }

  /**
   * Queues an activity after all others. The activity has the origin of a request instead of the
   * origin of the code that posts it.
   */
  postFor(work: EventOrigin, handler: ActivityHandler, kind: number, argument: number): void {
    const { cpu, device, request, site } = work;
    this.#push(handler, kind, argument).set(cpu, device, request, site);
  }

  /** Queues an activity behind all others, as a device's work that belongs to no request. */
  postWork(device: string, handler: ActivityHandler, kind: number, argument: number): void {
    const { cpu, site } = this.#context;
    this.#push(handler, kind, argument).set(cpu, device, null, site);
  }

  #push(handler: ActivityHandler, kind: number, argument: number): SavedOrigin {
    if (this.#length === this.#kinds.length) this.#grow();
    const slot = (this.#head + this.#length) & (this.#kinds.length - 1);
    this.#handlers[slot] = handler;
    this.#kinds[slot] = kind;
    this.#arguments[slot] = argument;
    this.#length++;
    return this.#origins[slot] ??= new SavedOrigin();
  }

  /** Runs the oldest activity as the work of its origin. Returns false when there was none. */
  runNext(): boolean {
    if (this.#length === 0) return false;
    const slot = this.#head;
    const handler = this.#handlers[slot];
    invariant(handler !== undefined, "An activity without a handler was queued");
    this.#handlers[slot] = undefined;
    this.#head = (slot + 1) & (this.#kinds.length - 1);
    this.#length--;
    const context = this.#context;
    const { cpu, device, request, site } = context;
    const origin = this.#origins[slot]!;
    context.become(origin.cpu, origin.device, origin.request, origin.site);
    try {
      handler.runActivity(this.#kinds[slot]!, this.#arguments[slot]!);
    } finally {
      context.become(cpu, device, request, site);
    }
    return true;
  }

  #grow(): void {
    const capacity = this.#kinds.length;
    invariant(this.#length === capacity, "A queue with room grows");
    const handlers: (ActivityHandler | undefined)[] = new Array(capacity * 2).fill(undefined);
    const kinds = new Int32Array(capacity * 2);
    const args = new Float64Array(capacity * 2);
    const origins: SavedOrigin[] = [];
    for (let index = 0; index < this.#length; index++) {
      const slot = (this.#head + index) & (capacity - 1);
      handlers[index] = this.#handlers[slot];
      kinds[index] = this.#kinds[slot]!;
      args[index] = this.#arguments[slot]!;
      origins.push(this.#origins[slot]!);
    }
    this.#handlers = handlers;
    this.#kinds = kinds;
    this.#arguments = args;
    this.#origins = origins;
    this.#head = 0;
  }
}

/**
 * The activity queue of a machine with separate clocks for its CPUs and devices. It ensures that no
 * activity begins before the time when it was posted.
 */
export class TimedActivityQueue extends ActivityQueue {
  constructor(private readonly clock: VirtualClock) {
    super(clock);
  }

  override post(handler: ActivityHandler, kind: number, argument: number): void {
    super.post(this.#timed(handler), kind, argument);
  }

  override postFor(work: EventOrigin, handler: ActivityHandler, kind: number, arg: number): void {
    super.postFor(work, this.#timed(handler), kind, arg);
  }

  override postWork(device: string, handler: ActivityHandler, kind: number, arg: number): void {
    super.postWork(device, this.#timed(handler), kind, arg);
  }

  /**
   * Wraps a handler for one activity, recording the current time as the time when the activity was
   * posted.
   */
  #timed(handler: ActivityHandler): ActivityHandler {
    const { clock } = this;
    const postedNs = clock.nowNs;
    return {
      runActivity(kind, argument) {
        const { own } = clock;
        if (own === null) return handler.runActivity(kind, argument);
        const outer = own.enter(handler.byDevice === true, postedNs);
        try {
          handler.runActivity(kind, argument);
        } finally {
          own.leave(outer);
        }
      },
    };
  }
}
