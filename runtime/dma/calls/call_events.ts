/**
 * The events around a call of the DMA API: entered, left, and which device it is about.
 */
import { DMA_MAPPING_ERROR, type DmaAddr } from "../../address.ts";
import { type ErrnoName, errnoName } from "../../errno.ts";
import { type EventId, eventId, type KernelCall } from "../../event_vocabulary.ts";
import type { EventStream, Why } from "../../events.ts";
import type { DmaDevice } from "../device/device.ts";

/** One function of the API as events know it. */
export interface Call {
  /** The function's kernel name. */
  readonly api: KernelCall;
  /** The chapter that says when the function refuses, such as `dma.3.3`. */
  readonly rule: string;
  readonly call: EventId<`call.${KernelCall}`>;
  readonly ret: EventId<`ret.${KernelCall}`>;
}

/** Resolves a function's events, once when a module loads. */
export function callOf(api: KernelCall, rule: string): Call {
  return { api, rule, call: eventId(`call.${api}`), ret: eventId(`ret.${api}`) };
}

/**
 * Marks the work between `enter` and `leave…` as work for a device. What `enter` returns goes to
 * `leave…`, so that a call inside another gives the outer one its device back.
 */
export class CallEvents {
  readonly #events: EventStream;

  constructor(events: EventStream) {
    this.#events = events;
  }

  /** Begins a call; returns the device the caller worked for. */
  enter(dev: DmaDevice): string | null {
    return this.#events.context.enterDevice(dev.name);
  }

  /** Ends a call without a result. */
  leave(call: Call, outer: string | null): void {
    if (this.#events.tick(call.ret)) this.#ret(call, null, null);
    this.#events.context.leaveDevice(outer);
  }

  /** Ends a call that answers with a value of its own, such as true. */
  leaveWithResult(call: Call, result: number | boolean, outer: string | null): void {
    if (this.#events.tick(call.ret)) this.#ret(call, result, null);
    this.#events.context.leaveDevice(outer);
  }

  /** Ends a call that answers yes or no; a no tells what it looked at. */
  leaveWithAnswer(
    call: Call,
    yes: boolean,
    outer: string | null,
    dev: DmaDevice,
    injected: boolean,
  ): void {
    if (this.#events.tick(call.ret)) {
      const inputs = { translated: dev.domain !== null, injected };
      this.#ret(call, yes, null, { rule: call.rule, inputs });
    }
    this.#events.context.leaveDevice(outer);
  }

  /**
   * Ends a call that returns an address for the device, or the error value.
   * @param why What made it fail, where that is known.
   */
  leaveWithAddress(
    call: Call,
    dma: DmaAddr,
    outer: string | null,
    why: Why | null = null,
  ): void {
    if (this.#events.tick(call.ret)) {
      if (dma === DMA_MAPPING_ERROR) this.#ret(call, null, "ENOMEM", why);
      else this.#ret(call, dma, null);
    }
    this.#events.context.leaveDevice(outer);
  }

  /**
   * Ends a call that returns 0 or a negative errno.
   * @param why What made it fail, where that is known.
   */
  leaveWithErrno(
    call: Call,
    result: number,
    outer: string | null,
    why: Why | null = null,
  ): void {
    if (this.#events.tick(call.ret)) {
      this.#ret(call, result, result === 0 ? null : errnoName(result), why);
    }
    this.#events.context.leaveDevice(outer);
  }

  /** Ends a call that returns how many there are, and 0 for a failure whatever its errno. */
  leaveWithCount(
    call: Call,
    result: number,
    outer: string | null,
    why: Why | null = null,
  ): void {
    if (this.#events.tick(call.ret)) {
      this.#ret(call, Math.max(result, 0), result < 0 ? errnoName(result) : null, why);
    }
    this.#events.context.leaveDevice(outer);
  }

  /** A refusal, as an errno or as a plain no, names the rule that decides it. */
  #ret(
    call: Call,
    result: number | boolean | null,
    error: ErrnoName | null,
    why: Why | null = null,
  ): void {
    const refused = error !== null || result === false;
    this.#events.emit(
      call.ret,
      { result, error },
      refused ? why ?? { rule: call.rule, inputs: {} } : null,
    );
  }
}
