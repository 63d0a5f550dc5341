/** Runs a test on the model and records the system calls that a guest has to repeat. */
import type { Io, LabConfig, NvmeRequest, Submission } from "@dmalab/devices";
import type { Span } from "@dmalab/lang";
import type { Program, RunnableTest, TestOutcome } from "@dmalab/lang/run";
import { inspectTest } from "@dmalab/lang/program";
import type { Limits } from "@dmalab/lang/values";
import {
  alignUp,
  BIO_FLAG,
  type BioVec,
  type Machine,
  type MachineEvent,
  PAGE_SIZE_BYTES,
  type QueueLimits,
} from "@dmalab/runtime";

/** A system call that submits io to a disk. */
export interface RecordedSubmission {
  readonly disk: string;
  readonly submission: Submission;
  readonly io: Io;
  /** The statement that made the call; null if it is not known. */
  readonly span: Span | null;
  /** Indices of earlier submissions that had completed when this one was made. */
  readonly ended: readonly number[];
}

export interface RecordedTest {
  readonly test: RunnableTest;
  /** The machine of the run, with its release and with QEMU's changes. */
  readonly config: LabConfig;
  readonly outcome: TestOutcome;
  /** Whether the run reached an assertion. */
  readonly reachesAssertion: boolean;
  readonly submissions: readonly RecordedSubmission[];
  /** Limits of each disk's request queue. */
  readonly limits: ReadonlyMap<string, QueueLimits>;
  /** Events of each request, by its number. */
  readonly events: ReadonlyMap<number, readonly MachineEvent[]>;
  /** Why a guest cannot repeat the test, as sentences; empty if it can. */
  readonly blockers: readonly string[];
}

/** Events after which a request's result depends on something that a guest cannot repeat. */
const BLOCKING_EVENTS: Readonly<Record<string, string>> = {
  inject: "an injected failure",
  "nvme.timeout": "a command that times out",
  "nvme.cancel": "a cancelled command",
};

const BEYOND_RANGE = "a link beyond its range: its result depends on the mappings beside it";

const MAX_ACTIVITIES = 1_000_000;
const DIRECT_IO_ALIGNMENT_BYTES = 4;
const SECTOR_BYTES = 512;

/** @param config The machine with the changes that QEMU needs. */
export function recordTest(
  program: Program,
  test: RunnableTest,
  config: LabConfig,
  limits: Limits,
): RecordedTest {
  const submissions: RecordedSubmission[] = [];
  const queueLimits = new Map<string, QueueLimits>();
  const events = new Map<number, MachineEvent[]>();
  const blockers = new Set<string>();
  const ranges = new RangeWatch();
  let machine: Machine | null = null;
  let reached: ReadonlySet<number> = new Set();
  if (test.kind === "property") blockers.add("a property: its cases are drawn for the model");
  const outcome = inspectTest(program, { ...test, config }, {
    limits,
    lenient: true,
    attributeDefects: false,
    onVm: (vm) => {
      machine = vm.machine.lab.machine;
      reached = vm.reached;
      for (const [disk, device] of vm.machine.lab.devices) {
        if (device.kind !== "nvme" || !device.isBound) continue;
        queueLimits.set(disk, device.disk.limits);
        device.disk.onSubmission = (submission, io) => {
          const { site } = vm.machine.stream.context;
          const ended = submissions.flatMap(({ io }, index) => io.done ? [index] : []);
          const span = site === null ? null : vm.siteSpan(site);
          submissions.push({ disk, submission, io, span, ended });
          const { peers } = vm.machine.lab.machine;
          const isPeer = submission.vecs.some(({ phys }) => peers?.isPeerMemory(phys) === true);
          if (isPeer) blockers.add("memory of a peer");
          for (const why of blockersOf(submission)) blockers.add(why);
        };
      }
    },
    onEvent: (event) => {
      const { name, request } = event;
      if (Object.hasOwn(BLOCKING_EVENTS, name)) blockers.add(BLOCKING_EVENTS[name]!);
      if (name === "nvme.state" && event.fields.reason !== "up") {
        blockers.add("a controller that is reset or removed");
      }
      if (request === null) return;
      events.getOrInsertComputed(request, () => []).push(event);
      if (ranges.isBeyond(event, request)) blockers.add(BEYOND_RANGE);
    },
    onChildEvent: () => void blockers.add("runs beside it (fork, race, compare or inject each)"),
  });
  if (machine !== null) finishRequests(machine, submissions);
  const requests = submissions.flatMap(({ io }) => io.requests);
  if (new Set(requests).size < requests.length) {
    blockers.add("requests of several calls that were joined: in a guest its timing decides");
  }
  if (submissions.length === 0) blockers.add("it has no request of an NVMe disk");
  return {
    test,
    config,
    outcome,
    reachesAssertion: reached.size > 0,
    submissions,
    limits: queueLimits,
    events,
    blockers: [...blockers],
  };
}

/** Tracks the IOVA ranges that requests reserve. */
class RangeWatch {
  /** The end of each request's last range, as an offset from the range's first byte. */
  readonly #ends = new Map<number, number>();

  /** Whether an event links memory beyond the request's range. */
  isBeyond(event: MachineEvent, request: number): boolean {
    if (event.name === "call.dma_iova_try_alloc") {
      const { phys, size } = event.fields;
      const inPage = phys % PAGE_SIZE_BYTES;
      this.#ends.set(request, alignUp(inPage + size, PAGE_SIZE_BYTES) - inPage);
    }
    return event.name === "call.dma_iova_link" &&
      event.fields.offset + event.fields.size > (this.#ends.get(request) ?? Infinity);
  }
}

/**
 * Runs the machine until all requests are done, including requests that the test does not wait for, because a
 * kernel completes these, too.
 */
function finishRequests(machine: Machine, submissions: readonly RecordedSubmission[]): void {
  for (let activities = 0; activities < MAX_ACTIVITIES; activities++) {
    if (submissions.every(({ io }) => io.done) || !machine.runNextActivity()) return;
  }
}

/** Requests of a submission that are compared. */
export function requestsOf({ io }: RecordedSubmission): readonly NvmeRequest[] {
  return io.requests;
}

function blockersOf(
  { command, flags, isPlugged, kind, metadata, op, queue, sizeBytes, vecs }: Submission,
): string[] {
  const found: string[] = [];
  if (kind === "raw") found.push("a raw command");
  if (isPlugged) found.push("several bios under one plug");
  if (queue > 1) found.push("a queue that the scenario chooses");
  if (kind === "bio") {
    if (metadata.length > 0) found.push("metadata of the scenario's own");
    if ((flags & (BIO_FLAG.NOWAIT | BIO_FLAG.ATOMIC | BIO_FLAG.FUA)) !== 0) {
      found.push("a flag of the bio (NOWAIT, ATOMIC, FUA)");
    }
    const isWhole = vecs.every(({ phys, sizeBytes }) =>
      phys % DIRECT_IO_ALIGNMENT_BYTES === 0 && sizeBytes % DIRECT_IO_ALIGNMENT_BYTES === 0
    );
    if ((op === "read" || op === "write") && (!isWhole || sizeBytes % SECTOR_BYTES !== 0)) {
      found.push("memory that direct I/O refuses (not aligned to 4 bytes, or no whole block)");
    }
  } else if (command !== null) {
    if (command.admin === true) found.push("an admin command");
    if (vecs.length > 1 || metadata.length > 1) {
      found.push("a user's command with several pieces of memory");
    }
    if (command.fixed === true) found.push("a fixed buffer");
  }
  return found;
}

/** All memory of some tests, from which the islands (`islands.ts`) are made. */
export function* memoryOf(tests: readonly RecordedTest[]): Generator<BioVec> {
  for (const { submissions } of tests) {
    for (const { submission: { metadata, vecs } } of submissions) {
      yield* vecs;
      yield* metadata;
    }
  }
}
