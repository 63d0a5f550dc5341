/**
 * The VM's interface to a machine: the one seam between running a script and simulating hardware.
 *
 * `lang/builtins/lab_machine.ts` implements it on top of `devices/lab.ts`; the VM and the runner
 * import nothing of the runtime, so that a test can run scripts on a fake of a few lines.
 */
import type { DeviceVisibleRange } from "@dmalab/runtime/dma";
import type { IncidentEvent } from "./incident.ts";
import type { Lab } from "@dmalab/devices";
import type {
  CallFrame,
  EventListener,
  EventRecorder,
  EventStream,
  HostBudget,
  Leak,
  RecordedEvents,
  TestLeak,
} from "@dmalab/runtime";
import type { MachineRecording } from "@dmalab/runtime/recording";
import type { RegisterAccess } from "../syntax/tree/ast.ts";
import type { Value } from "./value.ts";

/** The part of the event stream the VM writes into or reads: plain properties, no calls. */
export type MachineStream = Pick<EventStream, "seq" | "context" | "counts" | "countsSince">;

/** A point that is to fail. */
export interface InjectionOrder {
  readonly point: string;
  /** The hits that fail, from 1, both included. */
  readonly first: number;
  readonly last: number;
  /** Null for the point's natural error. */
  readonly error: string | null;
}

/** A register of a device, and whether it is about reading or writing it. */
export interface RegisterName {
  readonly device: string;
  readonly access: RegisterAccess;
  readonly offsetBytes: number;
}

/** Is called with the written value, or without one and returns the read value. */
export type RegisterHandler = (given: readonly Value[]) => Value;

/** One place where something could fail: the `nth` hit of a point. */
export interface InjectionHitName {
  readonly point: string;
  readonly nth: number;
}

/** A place where something could fail. */
export interface InjectionPlace extends InjectionHitName {
  /** The site of the code that was running; null where none was. */
  readonly site: number | null;
  /** The action of the point, as a verb: `fails`. */
  readonly does: string;
  /** The event as a clause, where it is a removal. */
  readonly removal: string | null;
}

/** Removals of drivers in C, as injection points. */
export type RemovalPoint = "driver.remove" | "device.unplug";

/** Notes every place where something could fail, until it is stopped. */
export interface HitCount {
  /** @param removal Moments of that removal instead of places that could fail. */
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

/** One machine with its devices up. Each test, property case and bench gets a fresh one. */
export interface SimulatedMachine {
  readonly lab: Lab;
  /** Keeps the events; started by `buildMachine` when the options say so. */
  readonly recorder: EventRecorder;
  /** `lab.machine.events`. The VM sets `site` before each statement that calls something. */
  readonly stream: MachineStream;
  /** Names bound by the machine: devices, `iommu`, `swiotlb`, `counters`, `events` … */
  readonly globals: ReadonlyMap<string, Value>;
  /** How many CPUs the machine has. */
  readonly cpus: number;
  /** Something costs virtual time: there is a clock to look at. */
  readonly isTimed: boolean;
  /** Whether an unexpected report, an unexpected fault or a leak fails the test. */
  fails(finding: "report" | "fault" | "leak"): boolean;
  /**
   * Every `iommu.fault` and `dma.report` so far, oldest first, whether or not the recorder is on.
   * The same array for the life of the world; it grows.
   */
  readonly incidents: readonly IncidentEvent[];
  /** Virtual time since the machine was ready, in nanoseconds: the latest of any CPU and device. */
  nowNs(): number;
  /** How long each CPU and each device has worked so far, by name; empty where nothing has a latency. */
  busyNs(): ReadonlyMap<string, number>;
  /** Brings CPUs and devices that are behind to that time. */
  meet(): void;
  /** The CPU that runs goes on not before a time. */
  follow(earliestNs: number): void;
  /** How many activities wait. */
  pendingActivities(): number;
  /** Runs one activity, then the timers it made due. False when there was none to run. */
  runNextActivity(): boolean;
  /** Has a device do something when one of its registers is read or written. */
  describeRegister(register: RegisterName, handler: RegisterHandler): void;
  /** What runs next may sleep: a statement or a call of this name. */
  maySleep(what: string): void;
  /** Moves virtual time forward, firing timers on the way. */
  advance(durationNs: number): void;
  /**
   * Begins to keep all that happens, before anything has, or goes on from what another kept.
   * @param Recording The class: a run without a recording does not load it.
   * @throws {RangeError} When something has happened that is not kept.
   */
  record(Recording: typeof MachineRecording): MachineRecording;
  /**
   * Makes the recorder answer from the data of an earlier identical run, up to the position of this
   * one.
   */
  readEventsFrom(log: RecordedEvents): void;
  /**
   * Has the recorder keep nothing: it charges as if it did, and answers questions from a repetition
   * of this run.
   */
  readEventsAgain(repeated: RecordedEvents): void;
  /** Bytes of memory as they are, by the CPU's address. @throws {RangeError} Where no memory is. */
  readMemory(phys: number, into: Uint8Array): void;
  /** Calls a function when an event of a number has happened; one at a time, none for 0. */
  wakeAt(seq: number, wake: () => void): void;
  /** Calls back after every event, until the function returned is called. */
  listen(listener: EventListener): () => void;
  /** Has a point fail, until the function returned is called: it says how often that happened. */
  armInjection(order: InjectionOrder): () => number;
  /** The functions of compiled code that ran when a point failed last, the innermost first; empty without any. */
  failedStack(): readonly CallFrame[];
  countHits(): HitCount;
  /**
   * Comes to a moment at which a driver could be removed. @param site Of the event before it.
   * @returns Whether it is to be removed now.
   */
  passRemoval(point: RemovalPoint, site: number | null): boolean;
  /** Pulls a device out: its registers read as ones, and its accesses are lost. */
  pullOut(device: string): void;
  /** Removes a device that was pulled out from the bus. Its driver has been removed before. */
  takeOffBus(device: string): void;
  /** The error that ends what a removed driver was to do. */
  removedError(): Error;
  watchResources(): ResourceWatch;
  /** What each device sees now, by its name. */
  views(): ReadonlyMap<string, readonly DeviceVisibleRange[]>;
  /**
   * Mappings and memory since the machine was ready that are left; nothing where leaks are allowed.
   * Requests that are under way do not count.
   */
  leftovers(): readonly TestLeak[];
  /** The limits of the run on the host: one account for the machine and the script's values. */
  readonly budget: HostBudget;
}

export interface MachineBuildOptions {
  /** Whether the recorder keeps events from the start. */
  readonly record: boolean;
  /** Most bytes of the host that the machine, once it is up, and the script may take. */
  readonly memoryLimitBytes: number;
  /** Most events that the recorder keeps. */
  readonly eventLimit: number;
}
