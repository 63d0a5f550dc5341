/**
 * The events at the start and end of a DMA API call, and the failure that is injected into it. Both
 * follow from the function's row in `CALL_TABLE`.
 */
import { DMA_MAPPING_ERROR, type DmaAddr } from "../../address.ts";
import { errnoName } from "../../errno.ts";
import {
  CALL_TABLE,
  type CallTables,
  type EventFields,
  type EventId,
  eventId,
  type KernelCall,
} from "../../event_vocabulary.ts";
import type { EventStream, Why } from "../../events.ts";
import { type FailureInjector, INJECTION, type InjectionPoint } from "../../injection.ts";
import { type ArgumentRole, fieldsOf, type RoleFields } from "../../vocabulary/call_roles.ts";
import type { FieldTable, Holds } from "../../vocabulary/fields.ts";
import type { CallGiving, FailingCall } from "../../vocabulary/kernel_calls.ts";
import { attributeWords, directionWord } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";
import type { DmaIovaState } from "../iova_state.ts";
import type { Scatterlist } from "../scatterlist.ts";

const DMA_OPS = eventId("dma.ops");

const nameOf = (dev: DmaDevice | null): string | null => dev?.name ?? null;
const segmentsOf = (list: Scatterlist) =>
  list.segments().map(({ phys, sizeBytes }) => [phys, sizeBytes] as const);

/**
 * Arguments that events contain in another form. For each role of an argument: the event's fields
 * and their conversions.
 */
const EMITTED = {
  attrs: { attrs: attributeWords },
  dev: { dev: ({ name }: DmaDevice): string => name },
  dir: { dir: directionWord },
  map_dev: { dev: nameOf },
  pool: {
    pool: (pool: { readonly name: string; readonly blockSizeBytes: number }) => pool.name,
    size_bytes: (pool: { readonly name: string; readonly blockSizeBytes: number }) =>
      pool.blockSizeBytes,
  },
  sg: { sg: segmentsOf },
  sgt: { sg: segmentsOf },
};

/** The caller's value of an argument, before its conversion for events. */
type Argument<R extends ArgumentRole> = R extends keyof typeof EMITTED
  ? (typeof EMITTED)[R] extends Readonly<Record<string, (value: infer A) => unknown>> ? A : never
  : RoleFields<R> extends infer F extends FieldTable ? Holds<F[keyof F]>
  : never;

/** The arguments that events carry in some form, in the order of the prototype. */
type Told<R extends readonly unknown[]> = R extends
  readonly [infer First extends ArgumentRole, ...infer Rest]
  ? [keyof RoleFields<First>] extends [never] ? Told<Rest> : [Argument<First>, ...Told<Rest>]
  : [];

/** The arguments of a function's row, as the runtime's method takes them. */
export type RowArguments<R extends readonly unknown[]> = R extends
  readonly [infer First extends ArgumentRole, ...infer Rest]
  ? [First extends "state" ? DmaIovaState : Argument<First>, ...RowArguments<Rest>]
  : [];

/** A field of `call.NAME`. */
interface ToldField {
  readonly field: string;
  /** The argument's index among the arguments that events contain. */
  readonly argument: number;
  /** The conversion of the argument; null where none is needed. */
  readonly make: ((value: unknown) => unknown) | null;
}

/** A function of the API with the events of its calls. */
export interface Call<C extends KernelCall = KernelCall> {
  /** The function's kernel name. */
  readonly api: C;
  /** The chapter of the rules that says when the function refuses, such as `dma.3.3`. */
  readonly rule: string;
  readonly call: EventId<`call.${C}`>;
  readonly ret: EventId<`ret.${C}`>;
  /** The point where a failure can be injected; -1 for a function that cannot fail. */
  readonly point: InjectionPoint;
  /** Event fields made from the function's arguments. @internal */
  readonly told: readonly ToldField[];
  /** The event fields, all null: copying this object is faster than adding fields one by one. @internal */
  readonly untold: Readonly<Record<string, unknown>>;
}

/** Looks up a function's row, once when a module loads. */
export function callOf<C extends KernelCall>(api: C): Call<C> {
  const { roles, rule } = CALL_TABLE[api];
  const point = INJECTION[api as FailingCall] ?? -1;
  const ids = { call: eventId(`call.${api}`), ret: eventId(`ret.${api}`) };
  const told = toldOf(roles);
  const untold = Object.fromEntries(told.map(({ field }) => [field, null]));
  return { api, rule, ...ids, point, told, untold };
}

function toldOf(roles: readonly ArgumentRole[]): readonly ToldField[] {
  const carried = roles.map((role) => [role, Object.keys(fieldsOf([role]))] as const)
    .filter(([, fields]) => fields.length > 0);
  return carried.flatMap(([role, fields], argument) => {
    const makers = (EMITTED as Partial<Record<ArgumentRole, object>>)[role] ?? {};
    return fields.map((field) => ({ argument, field, make: makers[field as never] ?? null }));
  });
}

/**
 * Emits the events of calls, and marks the work between `enter` and `leave…` as work for a device.
 * Pass the result of `enter` to `leave…`: after a nested call, `leave…` restores the device of the
 * outer call.
 */
export class CallEvents {
  readonly #platform: { readonly faults: FailureInjector | null };
  readonly #events: EventStream;

  constructor(
    platform: { readonly events: EventStream; readonly faults: FailureInjector | null },
  ) {
    this.#platform = platform;
    this.#events = platform.events;
  }

  /**
   * Emits `call.NAME`. The caller has called `tick` first, so arguments are collected only if there
   * is a listener. A call that is made for each request fills in its event fields directly instead,
   * because that makes a recording some percent faster (record.ratio).
   * @param args The arguments that the event contains.
   */
  tell<C extends KernelCall>(call: Call<C>, ...args: Told<CallTables[C]["roles"]>): void {
    const fields = { ...call.untold };
    const { told } = call;
    for (let index = 0; index < told.length; index++) {
      const { argument, field, make } = told[index]!;
      const value = (args as readonly unknown[])[argument];
      fields[field] = make === null ? value : make(value);
    }
    this.#events.emit(call.call, fields as EventFields<`call.${C}`>);
  }

  /** The failure injected into a call, as a negative errno; 0 for none. */
  injected({ point }: Call<FailingCall>): number {
    const { faults } = this.#platform;
    return faults === null ? 0 : faults.errnoAt(point);
  }

  /** Begins a call; returns the device the caller worked for. */
  enter(dev: DmaDevice): string | null {
    return this.#events.context.enterDevice(dev.name);
  }

  /** Emits that the call goes through the device's own table of functions. */
  throughTable(api: EventFields<"dma.ops">["api"]): void {
    if (this.#events.tick(DMA_OPS)) this.#events.emit(DMA_OPS, { api });
  }

  /** Ends a call without a result. */
  leave(call: Call<CallGiving<null>>, outer: string | null): void {
    const events = this.#events;
    if (events.tick(call.ret)) events.emit(call.ret, { result: null, error: null });
    events.context.leaveDevice(outer);
  }

  /**
   * Ends a call that returns true or false; for false the event contains the inputs of the
   * decision.
   */
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
   * @param why The reason of the failure, if it is known.
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
   * @param why The reason of the failure, if it is known.
   */
  leaveWithErrno(
    call: Call<CallGiving<number>>,
    result: number,
    outer: string | null,
    why: Why | null = null,
  ): void {
    const events = this.#events;
    if (events.tick(call.ret)) this.#emitErrno(call, result, why);
    events.context.leaveDevice(outer);
  }

  /** A separate method, so that its caller stays small enough to be inlined. */
  #emitErrno(call: Call<CallGiving<number>>, result: number, why: Why | null): void {
    if (result === 0) this.#events.emit(call.ret, { result, error: null });
    else this.#events.emit(call.ret, { result, error: errnoName(result) }, why ?? ruleOf(call));
  }

  /** Ends a call that returns a count, or 0 for any failure. */
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

/** The reason of a refusal when only its rule is known. */
function ruleOf({ rule }: Call): Why {
  return { rule, inputs: {} };
}
