/**
 * Interrupts: the vectors of devices, and their handlers.
 *
 * An interrupt that is raised while interrupts are off, or while a handler runs, is delivered later.
 * Any other interrupt is delivered at once: its handler has run when `raise` returns.
 *
 * @see rules/c-api.md 11 (request_irq, free_irq)
 */
import { type ErrnoName, invariant } from "./errno.ts";
import type { CpuContext } from "./cpu_context.ts";
import { eventId } from "./event_vocabulary.ts";
import type { EventStream } from "./events.ts";
import type { KernelWarnings } from "./warnings.ts";

const IRQ_REQUEST = eventId("driver.request_irq");
const IRQ_FREE = eventId("driver.free_irq");

/** Interrupt numbers below this one belong to the machine itself. */
const FIRST_NUMBER = 32;
/** IRQF_SHARED. */
const IRQ_SHARED = 0x80;
const IRQ_NONE = 0;

export interface IrqHandler {
  /** The cookie of the handler's registration; distinguishes several handlers of a shared number. */
  readonly cookie: number;
  readonly flags: number;
  /** Runs the handler. @returns The handler's result: 0 for "not mine". */
  run(number: number): number;
}

interface Line {
  readonly device: string;
  readonly vector: number;
  handlers: IrqHandler[];
  /** Number of disables that were not followed by an enable. */
  disabled: number;
}

export class Interrupts {
  readonly #context: CpuContext;
  readonly #warnings: KernelWarnings;
  readonly #events: EventStream;
  readonly #lines = new Map<number, Line>();
  readonly #waiting: number[] = [];
  #next = FIRST_NUMBER;

  constructor(context: CpuContext, warnings: KernelWarnings, events: EventStream) {
    this.#events = events;
    this.#context = context;
    this.#warnings = warnings;
  }

  /** Allocates a device's vectors. @returns False when it has some already. */
  alloc(device: string, count: number): boolean {
    if (this.numberOf(device, 0) !== null) return false;
    for (let vector = 0; vector < count; vector++) {
      invariant(!this.#lines.has(this.#next), "A number has an interrupt already");
      this.#lines.set(this.#next++, { device, vector, handlers: [], disabled: 0 });
    }
    return true;
  }

  /**
   * Frees a device's vectors.
   * @returns Null; or the number of a vector that still has a handler, with nothing freed.
   */
  free(device: string): number | null {
    for (const [number, line] of this.#lines) {
      if (line.device === device && line.handlers.length > 0) return number;
    }
    for (const [number, line] of this.#lines) {
      if (line.device === device) this.#lines.delete(number);
    }
    return null;
  }

  numberOf(device: string, vector: number): number | null {
    for (const [number, line] of this.#lines) {
      if (line.device === device && line.vector === vector) return number;
    }
    return null;
  }

  /** Registers a handler. @returns The error, or null. */
  request(number: number, handler: IrqHandler): ErrnoName | null {
    const line = this.#lines.get(number);
    if (line === undefined) return "EINVAL";
    const shared = [handler, ...line.handlers].every(({ flags }) => (flags & IRQ_SHARED) !== 0);
    if (line.handlers.length > 0 && !shared) return "EBUSY";
    line.handlers.push(handler);
    this.#tell(IRQ_REQUEST, line, number);
    return null;
  }

  /** Removes a handler. @returns False when there is no handler with this cookie. */
  release(number: number, cookie: number): boolean {
    const line = this.#lines.get(number);
    const index = line?.handlers.findIndex((handler) => handler.cookie === cookie) ?? -1;
    if (line === undefined || index < 0) return false;
    line.handlers.splice(index, 1);
    this.#tell(IRQ_FREE, line, number);
    return true;
  }

  #tell(id: typeof IRQ_REQUEST | typeof IRQ_FREE, { device }: Line, irq: number): void {
    const events = this.#events;
    if (!events.tick(id)) return;
    const outer = events.context.enterDevice(device);
    events.emit(id, { irq });
    events.context.leaveDevice(outer);
  }

  raise(device: string, vector: number): void {
    const number = this.numberOf(device, vector);
    if (number === null) {
      this.#warnings.warn("irq", `No interrupt vector ${vector} of ${device} is set up`);
      return;
    }
    if (this.#context.irqsOff || this.#isDisabled(number)) {
      if (!this.#waiting.includes(number)) this.#waiting.push(number);
    } else this.#deliver(number);
  }

  /** Disables an interrupt number: its interrupts wait. @returns False without such a number. */
  disable(number: number): boolean {
    const line = this.#lines.get(number);
    if (line !== undefined) line.disabled++;
    return line !== undefined;
  }

  /**
   * Undoes one disable call for an interrupt number, and runs the handlers of pending interrupts.
   * @returns False when the number was not disabled.
   */
  enable(number: number): boolean {
    const line = this.#lines.get(number);
    if (line === undefined || line.disabled === 0) return false;
    line.disabled--;
    this.deliverWaiting();
    return true;
  }

  handlersOf(number: number): readonly IrqHandler[] {
    return this.#lines.get(number)?.handlers ?? [];
  }

  #isDisabled(number: number): boolean {
    return (this.#lines.get(number)?.disabled ?? 0) > 0;
  }

  /** Runs the handlers of pending interrupts after interrupts were enabled again. */
  deliverWaiting(): void {
    while (!this.#context.irqsOff) {
      const index = this.#waiting.findIndex((number) => !this.#isDisabled(number));
      if (index < 0) return;
      this.#deliver(this.#waiting.splice(index, 1)[0]!);
    }
  }

  #deliver(number: number): void {
    const line = this.#lines.get(number);
    if (line === undefined) return;
    invariant(
      !this.#context.irqsOff && line.disabled === 0,
      "An interrupt is delivered while it is off",
    );
    this.#context.enterInterrupt();
    let handled = false;
    try {
      for (const handler of [...line.handlers]) {
        if (handler.run(number) !== IRQ_NONE) handled = true;
      }
    } finally {
      this.#context.leaveInterrupt();
    }
    if (!handled) {
      this.#warnings.warn("irq", `irq ${number} of ${line.device}: nobody cared`);
    }
    this.deliverWaiting();
  }
}
