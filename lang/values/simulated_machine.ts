/**
 * The VM's interface to a machine. It is the only connection between running a script and
 * simulating hardware.
 *
 * `lang/builtins/lab_machine.ts` implements it on top of `devices/lab.ts`. The VM and the runner
 * import only types of the runtime, and its `basics`, so that a test can run scripts on a small
 * fake.
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

/** The parts of the event stream that the VM writes or reads: plain properties, no calls. */
export type MachineStream = Pick<EventStream, "seq" | "context" | "counts" | "countsSince">;

/** An injection: a point that fails, and when. */
export interface InjectionOrder {
  readonly point: string;
  /** The hits that fail, from 1, both included. */
  readonly first: number;
  readonly last: number;
  /** The error's name; null for the point's natural error. */
  readonly error: string | null;
}

/** A register of a device, and the kind of access. */
export interface RegisterName {
  readonly device: string;
  readonly access: RegisterAccess;
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
   * @param removal If set, the result is the moments for that removal instead of the places that
   *   could fail.
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
  /** Whether anything has a latency, so that virtual time passes. */
  readonly isTimed: boolean;
  /** Whether an unexpected report, an unexpected fault or a leak fails the test. */
  fails(finding: "report" | "fault" | "leak"): boolean;
  /**
   * Every `iommu.fault` and `dma.report` so far, oldest first, whether or not the recorder is on.
   * During the life of the machine, this is always the same array, which grows.
   */
  readonly incidents: readonly IncidentEvent[];
  /** Virtual time since the machine was ready, in nanoseconds: the latest of any CPU and device. */
  nowNs(): number;
  /** Working time of each CPU and device so far, by name; empty if nothing has a latency. */
  busyNs(): ReadonlyMap<string, number>;
  /** Advances all CPUs and devices to the latest time of any of them. */
  meet(): void;
  /** Advances the current CPU to at least this time. */
  follow(earliestNs: number): void;
  /** Number of pending activities. */
  pendingActivities(): number;
  /** Runs one activity, then the timers that became due. False when no activity was pending. */
  runNextActivity(): boolean;
  /** Sets the function that handles reads or writes of a device's register. */
  describeRegister(register: RegisterName, handler: RegisterHandler): void;
  /** Called before a statement or function with this name, which may sleep. */
  maySleep(what: string): void;
  /** Advances virtual time, and fires timers on the way. */
  advance(durationNs: number): void;
  /**
   * Starts to record everything. Must be called before the machine emits its first event.
   * @param Recording The class. It is a parameter so that a run without a recording does not load
   *   it.
   * @throws {RangeError} When the machine has emitted an event, because the recording would lack
   *   it.
   */
  record(Recording: typeof MachineRecording): MachineRecording;
  /**
   * Makes the recorder read the data of an earlier identical run, up to the current position of
   * this run.
   */
  readEventsFrom(log: RecordedEvents): void;
  /**
   * Makes the recorder store no events. The recorder charges memory as if it stored them, and reads
   * events from a repetition of this run.
   */
  readEventsAgain(repeated: RecordedEvents): void;
  /** The current bytes of memory at a CPU address. @throws {RangeError} If there is no memory. */
  readMemory(phys: number, into: Uint8Array): void;
  /**
   * Calls a function once the event with this number has happened. Only one function can wait at a
   * time; 0 means that none waits.
   */
  wakeAt(seq: number, wake: () => void): void;
  /** Calls back after every event, until the function returned is called. */
  listen(listener: EventListener): () => void;
  /**
   * Makes a point fail, until the returned function is called, which returns how often the point
   * failed.
   */
  armInjection(order: InjectionOrder): () => number;
  /**
   * The functions of compiled code that were running at the last injected failure, innermost first;
   * empty if there was no such failure or no such code.
   */
  failedStack(): readonly CallFrame[];
  countHits(): HitCount;
  /**
   * Called when a driver could be removed.
   * @param site The site of the last event.
   * @returns Whether the driver must be removed now.
   */
  passRemoval(point: RemovalPoint, site: number | null): boolean;
  /** Pulls a device out: its registers read as ones, and its accesses are lost. */
  pullOut(device: string): void;
  /** Removes a pulled-out device from the bus, after its driver was removed. */
  takeOffBus(device: string): void;
  /** The error that ends an operation of a removed driver. */
  removedError(): Error;
  watchResources(): ResourceWatch;
  /** The memory that each device can access now, by the device's name. */
  views(): ReadonlyMap<string, readonly DeviceVisibleRange[]>;
  /**
   * Mappings and memory allocated since the machine was ready and not freed; empty if leaks are
   * allowed. Requests in flight do not count.
   */
  leftovers(): readonly TestLeak[];
  /** The host memory budget of the run, shared by the machine and the script's values. */
  readonly budget: HostBudget;
}

export interface MachineBuildOptions {
  /** Whether the recorder keeps events from the start. */
  readonly record: boolean;
  /** Host memory limit for the script and for the machine once it is ready, in bytes. */
  readonly memoryLimitBytes: number;
  /** Limit of the events that the recorder keeps. */
  readonly eventLimit: number;
}
