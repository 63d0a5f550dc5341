/**
 * The events around a call of the DMA API: entered, left, and which device it is about.
 */
import { DMA_MAPPING_ERROR, type DmaAddr } from "../../address.ts";
import { errnoName } from "../../errno.ts";
import {
  CALL_TABLE,
  type EventFields,
  type EventId,
  eventId,
  type KernelCall,
} from "../../event_vocabulary.ts";
import type { EventStream, Why } from "../../events.ts";
import type { CallGiving } from "../../vocabulary/kernel_calls.ts";
import type { DmaDevice } from "../device/device.ts";

const DMA_OPS = eventId("dma.ops");

/** One of some functions of the API as events know it. */
export interface Call<C extends KernelCall = KernelCall> {
  /** The function's kernel name. */
  readonly api: C;
  /** The chapter that says when the function refuses, such as `dma.3.3`. */
  readonly rule: string;
  readonly call: EventId<`call.${C}`>;
  readonly ret: EventId<`ret.${C}`>;
}

/** Resolves a function's events, once when a module loads. */
export function callOf<C extends KernelCall>(api: C): Call<C> {
  const { rule } = CALL_TABLE[api];
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

  /** The call goes through the device's own table of functions. */
  throughTable(api: EventFields<"dma.ops">["api"]): void {
    if (this.#events.tick(DMA_OPS)) this.#events.emit(DMA_OPS, { api });
  }

  /** Ends a call without a result. */
  leave(call: Call<CallGiving<null>>, outer: string | null): void {
    const events = this.#events;
    if (events.tick(call.ret)) events.emit(call.ret, { result: null, error: null });
    events.context.leaveDevice(outer);
  }

  /** Ends a call that answers yes or no; a no tells what it looked at. */
  leaveWithAnswer(
    call: Call<CallGiving<boolean>>,
    yes: boolean,
    outer: string | null,
    dev: DmaDevice,
    injected: boolean,
  ): void {
    const events = this.#events;
    if (events.tick(call.ret)) {
      const inputs = { translated: dev.domain !== null, injected };
      events.emit(call.ret, { result: yes, error: null }, yes ? null : { rule: call.rule, inputs });
    }
    events.context.leaveDevice(outer);
  }

  /**
   * Ends a call that returns an address for the device, or the error value.
   * @param why What made it fail, where that is known.
   */
  leaveWithAddress(
    call: Call<CallGiving<DmaAddr | null>>,
    dma: DmaAddr,
    outer: string | null,
    why: Why | null = null,
  ): void {
    const events = this.#events;
    if (events.tick(call.ret)) {
      if (dma !== DMA_MAPPING_ERROR) events.emit(call.ret, { result: dma, error: null });
      else events.emit(call.ret, { result: null, error: "ENOMEM" }, why ?? ruleOf(call));
    }
    events.context.leaveDevice(outer);
  }

  /**
   * Ends a call that returns 0 or a negative errno.
   * @param why What made it fail, where that is known.
   */
  leaveWithErrno(
    call: Call<CallGiving<number>>,
    result: number,
    outer: string | null,
    why: Why | null = null,
  ): void {
    const events = this.#events;
    if (events.tick(call.ret)) this.#tellErrno(call, result, why);
    events.context.leaveDevice(outer);
  }

  /** Apart from the end of a call, whose code is small enough to be part of its callers'. */
  #tellErrno(call: Call<CallGiving<number>>, result: number, why: Why | null): void {
    if (result === 0) this.#events.emit(call.ret, { result, error: null });
    else this.#events.emit(call.ret, { result, error: errnoName(result) }, why ?? ruleOf(call));
  }

  /** Ends a call that returns how many there are, and 0 for a failure whatever its errno. */
  leaveWithCount(
    call: Call<CallGiving<number>>,
    result: number,
    outer: string | null,
    why: Why | null = null,
  ): void {
    const events = this.#events;
    if (events.tick(call.ret)) {
      if (result >= 0) events.emit(call.ret, { result, error: null });
      else {
        const error = errnoName(result);
        events.emit(call.ret, { result: 0, error }, why ?? ruleOf(call));
      }
    }
    events.context.leaveDevice(outer);
  }
}

/** A refusal names at least the rule that decides it. */
function ruleOf({ rule }: Call): Why {
  return { rule, inputs: {} };
}
