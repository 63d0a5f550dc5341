/** One machine with its devices ready, as the VM uses it. */
import type { IncidentEvent } from "./incident.ts";
import {
  buildLab,
  type DeviceRegistry,
  type Lab,
  type LabConfig,
  pullOut,
  takeOffBus,
} from "@dmalab/devices";
import {
  ArmedInjection,
  Beginning,
  type CallFrame,
  type EventListener,
  EventRecorder,
  hasLatencies,
  HostBudget,
  type InjectedError,
  INJECTION,
  INJECTION_POINTS,
  type InjectionPointName,
  KernelError,
  ledgerOf,
  type PhysAddr,
  type RecordedEvents,
  type ResourceTables,
  ResourceTracker,
  type TestLeak,
} from "@dmalab/runtime";
import { type DeviceVisibleRange, viewOf } from "@dmalab/runtime/dma";
import type { MachineRecording } from "@dmalab/runtime/recording";
import type {
  HitCount,
  InjectionOrder,
  MachineBuildOptions,
  MachineStream,
  RegisterHandler,
  RegisterName,
  RemovalPoint,
  ResourceWatch,
} from "./simulated_machine.ts";
import { ScriptError, ValueError } from "./script_error.ts";
import type { Value } from "./value.ts";
import { describeValue } from "./operators.ts";

const WORD_LIMIT = 2 ** 32;

/** One machine with its devices up. Each test, property case and bench gets a fresh one. */
export class LabMachine {
  readonly lab: Lab;
  /** Keeps the events; started by `buildMachine` when the options say so. */
  readonly recorder: EventRecorder;
  /** `lab.machine.events`. The VM sets `site` before each statement that calls something. */
  readonly stream: MachineStream;
  /** Names bound by the machine: devices, `iommu`, `swiotlb`, `counters`, `events` … */
  readonly globals: ReadonlyMap<string, Value>;
  /** The host memory budget of the run, shared by the machine and the script's values. */
  readonly budget: HostBudget;
  /**
   * Every `iommu.fault` and `dma.report` so far, oldest first, whether or not the recorder is on.
   * During the life of the machine, this is always the same array, which grows.
   */
  readonly incidents: readonly IncidentEvent[];
  readonly #beginning: Beginning;
  #recording: MachineRecording | null = null;

  /** @param globalsOf Makes the values of the names that the machine binds. */
  constructor(
    config: LabConfig,
    options: MachineBuildOptions,
    registry: DeviceRegistry,
    globalsOf: (lab: Lab, recorder: EventRecorder) => ReadonlyMap<string, Value>,
  ) {
    this.lab = buildLab(config, registry);
    const { machine } = this.lab;
    this.budget = machine.budget;
    // The script is not charged for the construction of the machine.
    this.budget.limitBytes = Math.min(
      Number.MAX_SAFE_INTEGER,
      this.budget.usedBytes + options.memoryLimitBytes,
    );
    this.stream = machine.events;
    this.recorder = new EventRecorder(machine.events, options.eventLimit, machine.budget);
    if (options.record) this.recorder.start();
    else {
      // Without a recording, no script can query old commands. Devices then need not copy their
      // commands, and this saves time.
      for (const device of this.lab.devices.values()) device.onUnrecorded?.();
    }
    const incidents: IncidentEvent[] = [];
    machine.events.listen((event) => incidents.push(event), ["iommu.fault", "dma.report"]);
    this.incidents = incidents;
    this.#beginning = new Beginning(machine);
    this.globals = globalsOf(this.lab, this.recorder);
  }

  /** Whether anything has a latency, so that virtual time passes. */
  get isTimed(): boolean {
    return hasLatencies(this.lab.machine.config);
  }

  /** How many CPUs the machine has. */
  get cpus(): number {
    return this.lab.machine.config.cpus;
  }

  /** Nanoseconds until the first timer fires; Infinity without a timer. */
  get untilTimerNs(): number {
    const { clock } = this.lab.machine;
    return Math.max(1, clock.nextTimerNs - clock.nowNs);
  }

  /** Virtual time since the machine was ready, in nanoseconds: the latest of any CPU and device. */
  nowNs(): number {
    return this.lab.machine.clock.latestNs;
  }

  /** Working time of each CPU and device so far, by name; empty if nothing has a latency. */
  busyNs(): ReadonlyMap<string, number> {
    const busy = this.lab.machine.clock.own?.busyNs();
    if (busy === undefined) return new Map();
    return new Map([...busy.cpus.map((ns, cpu) => [`cpu ${cpu}`, ns] as const), ...busy.devices]);
  }

  /** Advances all CPUs and devices to the latest time of any of them. */
  meet(): void {
    const { clock } = this.lab.machine;
    clock.own?.meetAt(clock.latestNs);
  }

  /** Advances the current CPU to at least this time. */
  follow(earliestNs: number): void {
    this.lab.machine.clock.own?.follow(earliestNs);
  }

  /** Number of pending activities. */
  pendingActivities(): number {
    return this.lab.machine.activities.length;
  }

  /**
   * Sets the function that handles reads or writes of a device's register. The check of the machine
   * block has resolved both the device and the register.
   */
  describeRegister(
    { access, bar, device, offsetBytes }: RegisterName,
    handler: RegisterHandler,
  ): void {
    const registers = this.lab.devices.get(device)?.registersOf?.(bar) ?? null;
    if (registers === null) {
      throw new Error("This device has no registers: the check of the machine refuses it");
    }
    if (access === "write") {
      registers.onWrite(offsetBytes, (value) => void handler([value]));
      return;
    }
    registers.onRead(offsetBytes, () => {
      const value = handler([]);
      if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < WORD_LIMIT) {
        return value as number;
      }
      throw new ValueError(
        `A register of ${device} cannot hold ${describeValue(value)}`,
        "the block of `on read` returns a number of 32 bits",
      );
    });
  }

  /** Called before a statement or function that may sleep. @param what Its name. */
  maySleep(what: string): void {
    this.lab.machine.checker?.contexts.maySleep(what);
  }

  /** Runs one activity, then the timers that became due. False when no activity was pending. */
  runNextActivity(): boolean {
    return this.lab.machine.runNextActivity();
  }

  /** Advances virtual time, and fires timers on the way. */
  advance(durationNs: number): void {
    this.lab.machine.advance(durationNs);
  }

  /** Calls back after every event. This ends when the caller calls the returned function. */
  listen(listener: EventListener): () => void {
    return this.lab.machine.events.listen(listener);
  }

  /**
   * Starts to record everything. Must be called before the machine emits its first event.
   * @param Recording The class. It is a parameter so that a run without a recording does not load
   *   it.
   * @throws {RangeError} When the machine has emitted an event, because the recording would lack
   *   it.
   */
  record(Recording: typeof MachineRecording): MachineRecording {
    const recording = new Recording(this.lab.machine, this.lab.registry.tables);
    this.recorder.readFrom(recording.log, this.recorder.limitEvents);
    return this.#recording = recording;
  }

  /**
   * Makes the recorder read the data of an earlier identical run, up to the current position of
   * this run.
   */
  readEventsFrom(log: RecordedEvents): void {
    this.recorder.readFrom(log, 0);
  }

  /**
   * Makes the recorder store no events. The recorder charges memory as if it stored them, and reads
   * events from a repetition of this run.
   */
  readEventsAgain(repeated: RecordedEvents): void {
    this.recorder.readFrom(repeated, this.recorder.limitEvents);
  }

  /** The current bytes of memory at a CPU address. @throws {RangeError} If there is no memory. */
  readMemory(phys: number, into: Uint8Array): void {
    const { memory } = this.lab.machine;
    if (!memory.covers(phys, into.length)) throw new RangeError("There is no memory");
    memory.read(phys as PhysAddr, into, 0, into.length);
  }

  /**
   * Calls a function once the event with this number has happened. Only one function can wait at a
   * time; 0 means that none waits.
   */
  wakeAt(seq: number, wake: () => void): void {
    this.lab.machine.events.wakeAt(seq, wake);
  }

  /**
   * Makes an injection point fail until the caller calls the returned function. That function
   * returns how often the point failed.
   */
  armInjection({ error, first, last, point }: InjectionOrder): () => number {
    const { machine } = this.lab;
    const number = INJECTION[point as InjectionPointName];
    if (number === undefined) {
      throw new ScriptError("E0934", `There is no injection point "${point}"`);
    }
    const fault = new ArmedInjection(number, first, last, error as InjectedError | null);
    machine.armInjection(fault);
    return () => {
      machine.disarmFault(fault);
      return fault.fired;
    };
  }

  /**
   * The functions of compiled code that were running at the last injected failure, innermost first;
   * empty if there was no such failure or no such code.
   */
  failedStack(): readonly CallFrame[] {
    return this.lab.machine.failedStack;
  }

  countHits(): HitCount {
    const { machine } = this.lab;
    const counter = machine.countHits();
    return {
      places: (removal = null) =>
        (removal === null ? counter.places : counter.hitsOf(INJECTION[removal])).map((hit) => {
          const { does, name, removal } = INJECTION_POINTS[hit.point]!;
          return { point: name, nth: hit.nth, site: hit.site, does, removal: removal ?? null };
        }),
      stop: () => machine.stopCountingFaults(counter),
    };
  }

  /**
   * Called when a driver could be removed.
   * @param site The site of the last event.
   * @returns Whether the driver must be removed now.
   */
  passRemoval(point: RemovalPoint, site: number | null): boolean {
    const { events: { context }, faults } = this.lab.machine;
    if (faults === null) return false;
    const { site: siteHere } = context;
    context.site = site;
    const isNow = faults.errnoAt(INJECTION[point]) !== 0;
    context.site = siteHere;
    return isNow;
  }

  /** Pulls a device out: its registers read as ones, and its accesses are lost. */
  pullOut(device: string): void {
    pullOut(this.lab, device);
  }

  /** Removes a pulled-out device from the bus, after its driver was removed. */
  takeOffBus(device: string): void {
    takeOffBus(this.lab, device);
  }

  /** The error that ends an operation of a removed driver. */
  removedError(): KernelError {
    return new KernelError("ENODEV", "The driver was removed");
  }

  watchResources(): ResourceWatch {
    return new ResourceTracker(this.lab.machine, this.lab.registry.tables);
  }

  /** The memory that each device can access now, by the device's name. */
  views(): ReadonlyMap<string, readonly DeviceVisibleRange[]> {
    const { devices, machine } = this.lab;
    return new Map([...devices].map(([name, { dma }]) => [name, viewOf(machine, dma)]));
  }

  /** Whether an unexpected report, an unexpected fault or a leak fails the test. */
  fails(finding: "report" | "fault" | "leak"): boolean {
    const { checker, faults, leaks } = this.lab.machine.config;
    return { report: checker, fault: faults, leak: leaks }[finding] === "fail";
  }

  /**
   * Mappings and memory allocated since the machine was ready and not freed; empty if leaks are
   * allowed. Requests in flight do not count.
   */
  leftovers(): readonly TestLeak[] {
    const { config, devices, machine } = this.lab;
    if (config.leaks === "allow") return [];
    const sent = new Set([...devices.values()].flatMap((device) => device.sentRequests?.() ?? []));
    const isBusy = sent.size > 0 || machine.activities.length > 0;
    return this.#beginning.leftovers(this.#ledger(), { sent, isBusy });
  }

  /**
   * Whether `leftovers` finds all kinds of leaks. If more events happened than are kept, it finds only mappings and
   * ranges.
   */
  get seesAllLeaks(): boolean {
    const { lab: { config: { leaks } }, recorder } = this;
    const hasAllEvents = recorder.recording && recorder.droppedEvents === 0;
    return leaks === "allow" || this.#recording !== null || hasAllEvents;
  }

  /**
   * The tables of the recording. Without a recording they are built from the events, if all events
   * were kept.
   */
  #ledger(): ResourceTables {
    const { lab, recorder } = this;
    if (this.#recording !== null) return this.#recording;
    return ledgerOf(lab.machine, lab.registry.tables, this.seesAllLeaks ? recorder.events : []);
  }
}

/**
 * Used before the machine is built. Gives access to the memory budget for values, and refuses every
 * other access.
 */
export function refusingMachine(memoryLimitBytes: number): LabMachine {
  const stream = refusing<MachineStream>({});
  return refusing<LabMachine>({ budget: new HostBudget(memoryLimitBytes), stream });
}

function refusing<T extends object>(there: Partial<T>): T {
  return new Proxy(there as T, {
    get(target, key) {
      if (key in target) return target[key as keyof T];
      throw new ScriptError("E0316", "There is no machine yet");
    },
  });
}
