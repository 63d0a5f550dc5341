/**
 * Judges a scenario's assertions by the behaviour of a real kernel.
 *
 * The test is run twice more on the model. In the second of these runs, reads of facts about a completed
 * request (its length, segments, format, range, status and events) return the kernel's values. Both runs
 * continue after an assertion that fails. If an assertion has different results in the two runs, it is
 * false for the model or for the kernel.
 */
import type { Io, NvmeRequest } from "@dmalab/devices";
import type { Span } from "@dmalab/lang";
import type { Program } from "@dmalab/lang/run";
import { inspectTest } from "@dmalab/lang/program";
import { DEFAULT_LIMITS, type RunObserver } from "@dmalab/lang/values";
import { KERNEL_CALLS, type Machine, type MachineEvent } from "@dmalab/runtime";
import type { RecordedTest } from "../plan/scenario_run.ts";
import { AssertionReads, isInside } from "./assertion_reads.ts";
import { requestPairs } from "./compare_test_runs.ts";
import { failureOf, type KernelRequest, liveOf, REQUEST_FIELDS } from "./kernel_answers.ts";
import { type KernelCommand, kernelCommand } from "./kernel_command.ts";
import { kernelEvents, linkedRange, observedEvents, ScenarioAddresses } from "./kernel_events.ts";
import type { KernelSide } from "./kernel_side.ts";
import { kindOfEvent, type StepKind, stepRow } from "./steps.ts";
import type { SimulatedRequest } from "./simulated_requests.ts";
import type { TracedRequest } from "./traced_requests.ts";

/** An assertion that holds on one side only. */
export interface AssertionDifference {
  readonly span: Span;
  /** Why the assertion fails, and on which side. */
  readonly text: string;
  readonly notes: readonly string[];
}

export interface JudgedAssertions {
  /** Number of assertions with the same result on both sides. */
  readonly same: number;
  readonly differs: readonly AssertionDifference[];
  /** Assertions that were not judged, each with the reason. */
  readonly notJudged: readonly { readonly span: Span; readonly reason: string }[];
}

/** A place in the script at which the script reads a fact about a request. */
interface Read {
  readonly span: Span;
  /** Why the kernel's value is not known; null if it is known. */
  readonly unknown: string | null;
}

/**
 * Fields of a request that are known once the request is mapped. All other fields are known only when
 * the request has completed.
 */
const KNOWN_WHEN_MAPPED: ReadonlySet<string> = new Set([
  ...["op", "bytes", "lba", "phys_segments", "gap_bit", "format", "iova", "command"],
]);

/** Fields that the scenario sets, or that are names: they are the same on both sides. */
const GIVEN_FIELDS: Readonly<Record<string, ReadonlySet<string>>> = {
  buffer: new Set(["phys", "size", "pages", "segments", "name"]),
  io: new Set(["bytes"]),
  request: new Set(["id", "device"]),
  event: new Set(["name", "request", "device"]),
  iommu: new Set(["mode", "granule"]),
  region: new Set(["name", "at", "phys", "size", "type"]),
};
/** Types of values that are computed from other values. */
const COMPUTED_TYPES: ReadonlySet<string> = new Set([
  ...[
    "list",
    "record",
    "string",
    "bytes",
    "range",
    "int",
    "ratio",
    "size",
    "duration",
    "phys",
    "dma",
  ],
  ...["virt", "bool", "word", "function", "segment"],
]);
/** Calls that create the scenario's objects, or that only compute. */
const GIVEN_CALLS: ReadonlySet<string> = new Set([
  ...["alloc_pages", "buffer", "random", "min", "max", "abs", "len", "range", "nvme.submit"],
  ...["nvme.passthrough", "nvme.read", "nvme.write", "nvme.flush", "nvme.discard"],
  ...["nvme.write_zeroes", "buffer.fill", "buffer.slice", "buffer.free"],
]);
/** Methods of a trace that take the name of an event. */
const TRACE_METHODS: ReadonlySet<string> = new Set(["count", "filter", "first", "last"]);
const CALLS: ReadonlySet<string> = new Set(KERNEL_CALLS);

/** @param ios The numbers of the ios, in the order of the test's submissions. */
export function judgeAssertions(
  program: Program,
  test: RecordedTest,
  ios: readonly number[],
  kernel: KernelSide,
): JudgedAssertions {
  // A test that reaches no assertion does not need the two runs.
  if (!test.reachesAssertion) return { same: 0, differs: [], notJudged: [] };
  const requests = kernelRequests(test, ios, kernel);
  const observed = observedEvents((kind) => kernel.isObserved(kind) && !requests.unseen.has(kind));
  const model = new Observer(null, observed);
  const real = new Observer(requests, observed);
  for (const observer of [model, real]) observer.run(program, test);
  const reads = new AssertionReads(program);
  let same = 0;
  const differs: AssertionDifference[] = [];
  const notJudged: { readonly span: Span; readonly reason: string }[] = [];
  for (const assertion of reads.assertions) {
    const { span } = assertion;
    if (!model.hasReached(span)) continue;
    const places = reads.placesOf(assertion);
    const used = real.reads.filter((read) => places.some((place) => isInside(read.span, place)));
    const unknown = used.find((read) => read.unknown !== null)?.unknown ?? null;
    const failure = real.failureIn(span);
    const failsOnModel = model.failureIn(span) !== null;
    if ([model, real].some((observer) => observer.endedIn(span))) {
      notJudged.push({ span, reason: "the run ended in it, with an error" });
    } else if (!real.hasReached(span)) {
      notJudged.push({ span, reason: "the run with the kernel's facts did not reach it" });
    } else if (used.length === 0) notJudged.push({ span, reason: "it reads no fact of a request" });
    else if (unknown !== null) notJudged.push({ span, reason: unknown });
    else if (failure !== null && !failsOnModel) {
      differs.push(failure);
    } else if (failure === null && failsOnModel) {
      differs.push({
        span,
        text: "It holds on the kernel's facts, and fails on the model",
        notes: [],
      });
    } else same++;
  }
  return { same, differs, notJudged };
}

function kernelRequests(
  test: RecordedTest,
  ios: readonly number[],
  kernel: KernelSide,
): KernelRequests {
  const { left, pairs } = requestPairs(test, ios, kernel);
  const byNumber = new Map<number, KernelRequest | null>();
  const numberOf = new Map<TracedRequest, number>();
  const add = (number: number, model: SimulatedRequest, real: TracedRequest) => {
    const addresses = new ScenarioAddresses(kernel.scenarioPhys, model, real);
    const { all: events, map: mapEvents } = kernelEvents(model, real, addresses, kernel.isObserved);
    const range = linkedRange(real, addresses);
    byNumber.set(number, { real, mapEvents, events, range, addresses });
    numberOf.set(real, number);
  };
  for (const { model, real, request } of pairs) {
    if (real === null) byNumber.set(request.id, null);
    else add(request.id, model, real);
  }
  const ofCall = new Map<number, readonly number[]>();
  for (const [call, io] of ios.entries()) {
    const submission = test.submissions[call];
    const own = pairs.filter((pair) => pair.submission === submission);
    const [first] = own;
    if (first === undefined) continue;
    for (const real of left) {
      if (real.io === io) add(FIRST_OTHER_NUMBER + numberOf.size, first.model, real);
    }
    const reals = kernel.requests.filter((real) => real.io === io && numberOf.has(real));
    const isSame = reals.length === own.length && own.every(({ real }) => real !== null);
    if (!isSame) ofCall.set(call, reals.map((real) => numberOf.get(real)!));
  }
  const unseen = pairs.flatMap(({ model }) => unseenSteps(model));
  const results = ios.map((io) => kernel.results.get(io));
  return { byNumber, ofCall, results, unseen: new Set(unseen) };
}

/**
 * Kinds of steps that no probe sees for this request: a probe sees such a step only inside a
 * certain call, and the model made the step outside of that call.
 */
function unseenSteps({ events, map, unmap }: SimulatedRequest): readonly StepKind[] {
  const seen = new Set([...map, ...unmap].map(({ event }) => event));
  return events.flatMap((event) => {
    const kind = kindOfEvent(event.name, event.fields);
    const isUnseen = kind !== null && stepRow(kind).within !== undefined && !seen.has(event);
    return isUnseen ? [kind] : [];
  });
}

/**
 * Matches the beginning of the text of a whole command. This text contains addresses that were not
 * observed.
 */
const OF_COMMAND = /^(?:PRP|SGL) command, /;

interface CommandOfRequest {
  readonly command: object;
}

const IN_FLIGHT = "the request is in flight there";
const NO_REQUEST = "the kernel has no such request";
/** First number for requests that only the kernel has; the model's requests are numbered from 1. */
const FIRST_OTHER_NUMBER = 1_000_000_000;

interface FailureDetails {
  readonly span?: Span | undefined;
  readonly notes?: readonly string[];
  readonly parts?: readonly { readonly anchor: Span; readonly text: string }[];
}

/**
 * The kernel's requests by the numbers of the corresponding model requests; and results by system
 * call.
 */
interface KernelRequests {
  readonly byNumber: ReadonlyMap<number, KernelRequest | null>;
  /**
   * Numbers of the kernel's requests by system call. Only calls for which the kernel's requests
   * differ from the model's have an entry.
   */
  readonly ofCall: ReadonlyMap<number, readonly number[]>;
  /** Result of each system call: bytes, or a negative errno. */
  readonly results: readonly (number | undefined)[];
  /** Kinds of steps that the model also makes in places where no probe sees them. */
  readonly unseen: ReadonlySet<StepKind>;
}

/** Records the reads of a run, and replaces values by the kernel's. */
class Observer implements RunObserver {
  readonly reads: Read[] = [];
  #events: () => readonly MachineEvent[] = () => [];
  readonly #failures: AssertionDifference[] = [];
  #span: () => Span = () => {
    throw new Error("it has not begun");
  };
  readonly #ofKernel: ReadonlySet<MachineEvent>;

  /**
   * @param kernel The kernel's requests, to return their values; null to return the model's values.
   */
  constructor(
    private readonly kernel: KernelRequests | null,
    private readonly observed: ReadonlySet<string>,
  ) {
    const requests = [...kernel?.byNumber.values() ?? []];
    this.#ofKernel = new Set(requests.flatMap((request) => request?.events ?? []));
  }

  run(program: Program, { config, test }: RecordedTest): void {
    let reached: ReadonlySet<number> = new Set();
    const { failure } = inspectTest(program, { ...test, config }, {
      limits: DEFAULT_LIMITS,
      lenient: true,
      attributeDefects: false,
      onVm: (vm) => {
        vm.observer = this;
        reached = vm.reached;
        this.#events = () => vm.recorder.events;
        this.#span = () => vm.span;
        for (const device of vm.machine.lab.devices.values()) {
          if (device.kind !== "nvme" || !device.isBound) continue;
          // The calls have the same order as in the recorded run.
          device.disk.onSubmission = (_, io) => this.#ios.push(io);
        }
      },
    });
    this.#end = failure === null ? null : this.#span();
    this.#reached = [...reached].map((expectation) => program.code.expectations[expectation]!);
  }

  /**
   * Whether the run ended inside an assertion because of an error other than a failed assertion.
   */
  endedIn(assertion: Span): boolean {
    return this.#end !== null && isInside(this.#end, assertion);
  }

  /** Whether an assertion was checked. */
  hasReached(assertion: Span): boolean {
    return this.#reached.some((span) => isInside(span, assertion));
  }

  readonly #ios: Io[] = [];
  #reached: readonly Span[] = [];
  #end: Span | null = null;

  /** The kernel's commands, by the model's commands that they replace. */
  readonly #commands = new Map<object, KernelCommand & { readonly model: object }>();

  field(type: string, thing: object, name: string): object {
    if (type === "command") return this.#commandField(thing as CommandOfRequest, name);
    if (type === "request") return this.#requestField(thing as NvmeRequest, name);
    if (type === "io") return this.#ioField(thing as Io, name);
    if (type === "trace") {
      this.#traceField(thing as { readonly events: readonly MachineEvent[] }, name);
    } else if (type === "event") this.#eventField(thing as MachineEvent, name);
    else if (type === "iommu" && name === "live_mappings") {
      return this.#liveMappings(thing as Machine);
    } else if (!COMPUTED_TYPES.has(type) && GIVEN_FIELDS[type]?.has(name) !== true) {
      this.#unknown(`it reads ${type}.${name}`);
    }
    return thing;
  }

  call(type: string | null, name: string, args: readonly unknown[]): void {
    const full = type === null ? name : `${type}.${name}`;
    if (type === "trace" && TRACE_METHODS.has(name)) {
      const [event] = args;
      if (typeof event === "string") this.#eventName(event);
      else this.#unknown("it looks at events of every name");
    } else if (type === null || !COMPUTED_TYPES.has(type)) {
      if (!GIVEN_CALLS.has(full)) this.#unknown(`it calls ${full}`);
    }
  }

  eventsOf(request: number): readonly MachineEvent[] | null {
    if (this.kernel === null) return null;
    const own = this.#modelRequest(request);
    const found = this.kernel.byNumber.get(request) ?? null;
    if (found === null || own?.mapped === false && !own.done) {
      this.#unknown(found === null ? NO_REQUEST : IN_FLIGHT);
      return null;
    }
    this.#note(null);
    // Events that no probe shows are taken from the model, so that the run can continue. An assertion
    // about such events is not judged.
    const others = this.#events().filter((event) =>
      event.request === request && !this.observed.has(event.name)
    );
    return [...own?.done === false ? found.mapEvents : found.events, ...others];
  }

  pattern(events: Parameters<RunObserver["pattern"]>[0]): void {
    for (const { fields, names } of events) {
      for (const name of names) {
        this.#eventName(name);
        for (const field of fields) {
          const known = [...this.#ofKernel].find((event) => event.name === name);
          if (known !== undefined && !(field in known.fields)) {
            this.#unknown(`it compares ${name}.${field}`);
          }
        }
      }
    }
  }

  failed(error: Error): boolean {
    const { details = {}, message } = error as Error & { readonly details?: FailureDetails };
    const { notes = [], parts = [], span = this.#span() } = details;
    const values = parts.filter(({ text }) => !OF_COMMAND.test(text)).map((
      { anchor: { end, source, start }, text },
    ) => `${source.text.slice(start, end)} is ${text}`);
    this.#failures.push({ span, text: `${message} on the kernel`, notes: [...values, ...notes] });
    return true;
  }

  /** The first failure of an assertion; null if it holds. */
  failureIn(assertion: Span): AssertionDifference | null {
    return this.#failures.find(({ span }) => isInside(span, assertion)) ?? null;
  }

  #requestField(request: NvmeRequest, name: string): object {
    if (GIVEN_FIELDS.request!.has(name) || name === "events") return request;
    if (this.kernel === null) {
      this.#note(null);
      return request;
    }
    if (!Object.hasOwn(REQUEST_FIELDS, name) && name !== "command") {
      this.#unknown(name === "mapped" ? IN_FLIGHT : `it reads request.${name}`);
      return request;
    }
    const found = this.kernel.byNumber.get(request.id) ?? null;
    if (!request.done && !(request.mapped && KNOWN_WHEN_MAPPED.has(name))) {
      this.#unknown(IN_FLIGHT);
      return request;
    }
    const change = found === null
      ? null
      : name === "command"
      ? this.#commandOf(found, request)
      : REQUEST_FIELDS[name]!(found, request);
    if (change === null) {
      this.#unknown(found === null ? NO_REQUEST : `request.${name} was not observed`);
      return request;
    }
    this.#note(null);
    return withProperties(request, change);
  }

  #commandOf({ addresses, real }: KernelRequest, { command: model }: NvmeRequest): object | null {
    if (real.device === null || model === null) return null;
    const found = kernelCommand(real.device, addresses, model);
    if (found === null) return null;
    const { bytes, cid, metadataSgl, mptr, opcode, prp1, prp2, prpLists, sglOfCommand } = model;
    const command = {
      ...{ bytes, cid, metadataSgl, mptr, opcode, prp1, prp2, prpLists, sglOfCommand },
      ...found.command,
    };
    this.#commands.set(command, { ...found, model });
    return { command };
  }

  #commandField(thing: CommandOfRequest, name: string): object {
    const found = this.#commands.get(thing.command);
    if (this.kernel === null || found?.known.has(name) === true) {
      this.#note(null);
      return thing;
    }
    this.#unknown(`request.command.${name} was not observed`);
    return found === undefined ? thing : { ...thing, command: found.model };
  }

  /**
   * An object in place of the machine, with the number of live mappings: the model's mappings, and
   * the mappings that the kernel's completed requests have not unmapped.
   */
  #liveMappings(machine: Machine): object {
    this.#note(null);
    if (this.kernel === null) return machine;
    const requests = this.#ios.flatMap((io) => io.requests);
    if (requests.some(({ done }) => !done)) this.#unknown(IN_FLIGHT);
    const found = requests.map(({ id }) => this.kernel!.byNumber.get(id) ?? null);
    if (found.includes(null)) this.#unknown(NO_REQUEST);
    const isTranslated = machine.iommu.mode === "strict" || machine.iommu.mode === "lazy";
    const left = found.reduce(
      (sum, request) => sum + (request === null ? 0 : liveOf(request.real, isTranslated)),
      0,
    );
    const { iommu } = machine;
    return withProperties(machine, {
      iommu: withProperties(iommu, { liveMappings: iommu.liveMappings + left }),
    });
  }

  #ioField(io: Io, name: string): object {
    if (GIVEN_FIELDS.io!.has(name) || name === "events") return io;
    const others = this.kernel?.ofCall.get(this.#ios.indexOf(io));
    if (name === "requests" && others === undefined) {
      this.#note(null);
      return io;
    }
    if (name === "requests" && others !== undefined) {
      this.#note(null);
      const [like] = io.requests;
      const requests = others.map((number) => this.#standIn(number, like!));
      return withProperties(io, { requests });
    }
    if (name === "done" || name === "status" || name === "error") {
      const isKnown = this.kernel === null ||
        io.requests.every(({ id }) => this.kernel?.byNumber.get(id)?.real.status === 0);
      const failed = isKnown ? null : failureOf(this.kernel?.results[this.#ios.indexOf(io)]);
      if (!io.done) this.#unknown(IN_FLIGHT);
      else if (isKnown || failed !== null) this.#note(null);
      else this.#unknown(`io.${name} of a call whose requests did not all succeed`);
      return failed === null ? io : withProperties(io, failed);
    }
    const [request, ...more] = io.requests;
    if (request === undefined || more.length > 0) return io;
    const answer = this.#requestField(request, name);
    return answer === request ? io : withProperties(io, { requests: [answer] });
  }

  /**
   * Reads a field of a list of events. The list's length is known only if all events have the same
   * name, and events of this name are observed on the kernel.
   */
  #traceField({ events }: { readonly events: readonly MachineEvent[] }, name: string): void {
    if (name !== "length" && name !== "events") this.#unknown(`it reads trace.${name}`);
    else if (new Set(events.map((event) => event.name)).size > 1) {
      this.#unknown("it looks at events of every name");
    }
  }

  #eventField(event: MachineEvent, name: string): void {
    if (this.kernel === null || GIVEN_FIELDS.event!.has(name)) return;
    if (!this.#ofKernel.has(event)) this.#unknown(`it reads an event of the model, ${event.name}`);
    else if (name in event.fields) this.#note(null);
    else this.#unknown(`it reads ${event.name}.${name}`);
  }

  #eventName(name: string): void {
    const full = CALLS.has(name) ? `call.${name}` : name;
    if (this.observed.has(full)) this.#note(null);
    else this.#unknown(`it looks at ${name}, which was not observed`);
  }

  /** The model's request, or a substitute for a request that only the kernel has. */
  #standIn(number: number, like: NvmeRequest): NvmeRequest {
    return this.#modelRequest(number) ?? withProperties(like, { id: number, done: true });
  }

  /** The model's request with a number; undefined for a request that only the kernel has. */
  #modelRequest(number: number): NvmeRequest | undefined {
    return this.#ios.flatMap(({ requests }) => requests).find(({ id }) => id === number);
  }

  #unknown(reason: string): void {
    this.#note(reason);
  }

  #note(unknown: string | null): void {
    this.reads.push({ span: this.#span(), unknown });
  }
}

/** An object that differs from another in some of its properties. */
function withProperties<T extends object>(thing: T, values: object): T {
  return Object.create(
    thing,
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }])),
  );
}
