/**
 * Types that the VM exchanges with its machine. `lab_machine.ts` beside this file is the machine: the
 * only connection between running a script and simulating hardware. From the runtime, the VM and the
 * runner import only types and the `basics`.
 */
import type { EventStream, Leak } from "@dmalab/runtime";
import type { RegisterAccess } from "../syntax/tree/ast.ts";
import type { Value } from "./value.ts";

/** The parts of the event stream that the VM writes or reads: plain properties, no calls. */
export type MachineStream = Pick<EventStream, "seq" | "context" | "counts" | "countsSince">;

/** An injection: a point that fails, and when. */
export interface InjectionOrder {
  readonly point: string;
  /** The first and the last of the hits that fail, counted from 1. */
  readonly first: number;
  readonly last: number;
  /** The error's name; null for the point's natural error. */
  readonly error: string | null;
}

/** A register of a device, and the kind of access. */
export interface RegisterName {
  readonly device: string;
  readonly access: RegisterAccess;
  /** The number of the BAR; null for the first one. */
  readonly bar: number | null;
  readonly offsetBytes: number;
}

/**
 * Called with the written value for a write. For a read, it is called without a value, and returns
 * the read value.
 */
export type RegisterHandler = (given: readonly Value[]) => Value;

/** A place where something could fail: the `nth` hit of a point. */
export interface InjectionHitName {
  readonly point: string;
  readonly nth: number;
}

/** A place where something could fail, with the code that was running there. */
export interface InjectionPlace extends InjectionHitName {
  /** The site of the running code; null if no code was running. */
  readonly site: number | null;
  /** The action of the point, as a verb: `fails`. */
  readonly does: string;
  /** The removal as a clause, if the place is a removal. */
  readonly removal: string | null;
}

/** Removals of drivers in C, as injection points. */
export type RemovalPoint = "driver.remove" | "device.unplug";

/** Counts every place where something could fail, until it is stopped. */
export interface HitCount {
  /**
   * @param removal If set, the result is not the places that could fail, but the moments at which
   *   this removal could happen.
   */
  places(removal?: RemovalPoint | null): readonly InjectionPlace[];
  stop(): void;
}

/** Records what is allocated and not freed, until it is stopped. */
export interface ResourceWatch {
  /** Host memory allocated for mappings, freed or not. */
  readonly takenBytes: number;
  leaks(): readonly Leak[];
  stop(): void;
}

export interface MachineBuildOptions {
  /** Whether the recorder keeps events from the start. */
  readonly record: boolean;
  /** Host memory limit for the script and for the machine once it is ready, in bytes. */
  readonly memoryLimitBytes: number;
  /** Limit of the events that the recorder keeps. */
  readonly eventLimit: number;
}
