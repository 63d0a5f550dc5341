/** Compares a test on the model with the same system calls on a real kernel. */
import type { NvmeRequest } from "@dmalab/devices";
import type { MachineEvent } from "@dmalab/runtime";
import { formatCount } from "@dmalab/lang/text";
import { type RecordedSubmission, type RecordedTest, requestsOf } from "../plan/scenario_run.ts";
import {
  firstRequestDifference,
  nameOf,
  type RequestDifference,
  RULES,
} from "./compare_requests.ts";
import type { KernelSide } from "./kernel_side.ts";
import { type SimulatedRequest, simulatedRequest } from "./simulated_requests.ts";
import { type StepKind, stepRow } from "./steps.ts";
import type { TracedRequest } from "./traced_requests.ts";

/** Numbers of calls, requests, steps and accesses that were compared. */
export interface ComparedCounts {
  /** Number of system calls with equal results. */
  readonly calls: number;
  readonly requests: number;
  readonly steps: number;
  readonly accesses: number;
  /** Number of requests with an access that the IOMMU blocks: they are compared up to that access. */
  readonly blocked: number;
}

export interface TestDifference extends RequestDifference {
  /** The model's release. */
  readonly profile: string;
  readonly submission: RecordedSubmission;
  /** The model's request; null for a request that only the kernel has. */
  readonly request: SimulatedRequest | null;
  /** The kernel's request; null for a request that only the model has. */
  readonly real: TracedRequest | null;
  /** The trace lines of the kernel's request. */
  readonly lines: readonly string[];
}

export type TestComparison =
  | { readonly verdict: "same"; readonly counts: ComparedCounts }
  /** Nothing differs, and the boot's records do not prove that nothing does. */
  | { readonly verdict: "not run"; readonly reasons: readonly string[] }
  | { readonly verdict: "differs"; readonly difference: TestDifference };

/** @param ios For each submission of the test, the number that identifies its io. */
export function compareTest(
  test: RecordedTest,
  ios: readonly number[],
  kernel: KernelSide,
): TestComparison {
  const comparer = new TestComparer(test, ios, kernel);
  for (const index of test.submissions.keys()) {
    const difference = comparer.compareCall(index);
    if (difference !== null) return { verdict: "differs", difference };
  }
  const difference = comparer.requestLeft();
  if (difference !== null) return { verdict: "differs", difference };
  const { counts, unlogged, unseenCalls } = comparer;
  const { untracedCommands } = kernel;
  const reasons = [
    ...[...unseenCalls].map((kind) =>
      `the kernel cannot show calls of ${stepRow(kind).title ?? kind}, which the model makes`
    ),
    ...untracedCommands === 0
      ? []
      : [`QEMU's log has ${formatCount(untracedCommands, "command")} that the trace does not have`],
    ...counts.requests === 0 ? ["no request was compared"] : [],
    ...unlogged === 0
      ? []
      : [`QEMU's log has no access of ${formatCount(unlogged, "completed request")}`],
  ];
  return reasons.length === 0 ? { verdict: "same", counts } : { verdict: "not run", reasons };
}

class TestComparer {
  readonly counts = { calls: 0, requests: 0, steps: 0, accesses: 0, blocked: 0 };
  /** Number of completed requests of which the controller's log has no access to data. */
  unlogged = 0;
  /** Calls of the model that the kernel's probes cannot show. */
  readonly unseenCalls = new Set<StepKind>();
  /** Requests of the kernel that have not been compared with a request of the model. */
  readonly #left: Set<TracedRequest>;

  constructor(
    private readonly test: RecordedTest,
    private readonly ios: readonly number[],
    private readonly kernel: KernelSide,
  ) {
    this.#left = new Set(kernel.requests.filter(({ io }) => ios.includes(io)));
  }

  /** Compares the requests of a system call, then its result. */
  compareCall(index: number): TestDifference | null {
    const submission = this.test.submissions[index]!;
    for (const request of requestsOf(submission)) {
      const difference = this.#compareRequest(submission, request);
      if (difference !== null) return difference;
    }
    this.counts.calls++;
    const result = this.kernel.results.get(this.ios[index]!);
    const { error } = submission.io;
    if (this.#isBlocked(submission) || result === undefined) return null;
    const sizeBytes = transferredBytes(submission);
    const isSame = error !== null ? result < 0 : result >= 0 && result === (sizeBytes ?? result);
    if (isSame) return null;
    const ofModel = error ?? (sizeBytes === null ? "success" : formatCount(sizeBytes, "byte"));
    const text = `the call returns ${result}, and on the model ${ofModel}`;
    const rule = RULES.completion;
    return this.#differs({ text, rule, ofModel: null, ofKernel: null }, submission);
  }

  /** Whether the IOMMU blocked an access of a call: QEMU's controller then reports success anyway. */
  #isBlocked(submission: RecordedSubmission): boolean {
    return requestsOf(submission).some(({ id }) =>
      this.test.events.get(id)?.some(({ name }) => name === "iommu.fault") === true
    );
  }

  /** The difference for a request that only the kernel has. */
  requestLeft(): TestDifference | null {
    const [left] = this.#left;
    if (left === undefined) return null;
    const text = `only the kernel has a request "${nameOf(left)}"`;
    const submission = this.test.submissions[this.ios.indexOf(left.io)]!;
    return this.#differs(
      { text, rule: RULES.split, ofModel: null, ofKernel: null },
      submission,
      null,
      left,
    );
  }

  #compareRequest(submission: RecordedSubmission, request: NvmeRequest): TestDifference | null {
    const { model, real } = pairOf(this.test, submission, request, this.#left, this.kernel);
    if (real === null) {
      // The model refused the request before it made a command. In this case only the results of
      // the calls are compared.
      if (model.device === null) return null;
      const text = `the kernel has no request "${nameOf(model)}"`;
      return this.#differs(
        { text, rule: RULES.split, ofModel: null, ofKernel: null },
        submission,
        model,
      );
    }
    this.#left.delete(real);
    const difference = firstRequestDifference(model, real, this.kernel);
    if (difference !== null) return this.#differs(difference, submission, model, real);
    this.counts.requests++;
    for (const kind of model.unseenCalls) this.unseenCalls.add(kind);
    const isBlocked = model.isBlocked === true;
    if (isBlocked) this.counts.blocked++;
    this.counts.steps += model.map.length + (isBlocked ? 0 : model.unmap.length);
    const accesses = model.device?.extents.length ?? 0;
    const isLogged = (real.device?.extents.length ?? 0) > 0;
    if (isLogged) this.counts.accesses += accesses;
    else if (accesses > 0 && real.status === 0 && this.kernel.isLogged) this.unlogged++;
    return null;
  }

  #differs(
    difference: RequestDifference,
    submission: RecordedSubmission,
    request: SimulatedRequest | null = null,
    real: TracedRequest | null = null,
  ): TestDifference {
    const event = request === null ? null : eventOf(difference, request);
    return {
      ...difference,
      // The rule of the event is more precise, if there is an event with a rule.
      rule: event?.why?.rule ?? difference.rule,
      profile: this.test.config.kernel,
      submission,
      request,
      real,
      lines: real?.lines ?? [],
    };
  }
}

/** What a successful call returns: its bytes; null for a call that returns no size. */
function transferredBytes(
  { submission: { command, op, vecs } }: RecordedSubmission,
): number | null {
  if (command !== null || op !== "read" && op !== "write") return null;
  return vecs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** A request of the model with the corresponding request of the kernel. */
export interface RequestPair {
  readonly submission: RecordedSubmission;
  readonly request: NvmeRequest;
  readonly model: SimulatedRequest;
  /** The kernel's request; null if the kernel has no such request. */
  readonly real: TracedRequest | null;
}

/** @param left Requests of the kernel that have not been paired with a request of the model yet. */
function pairOf(
  test: RecordedTest,
  submission: RecordedSubmission,
  request: NvmeRequest,
  left: ReadonlySet<TracedRequest>,
  { isObserved }: KernelSide,
): RequestPair {
  const events = test.events.get(request.id) ?? [];
  const model = simulatedRequest(request, submission, events, isObserved);
  const real =
    [...left].find(({ disk, lba, op }) =>
      disk === model.disk && op === model.op && lba === model.lba
    ) ?? null;
  return { submission, request, model, real };
}

/**
 * All pairs of a model request and a kernel request in a test, with the system calls that caused
 * them; and the requests that only the kernel has.
 */
export function requestPairs(
  test: RecordedTest,
  ios: readonly number[],
  kernel: KernelSide,
): { readonly pairs: readonly RequestPair[]; readonly left: readonly TracedRequest[] } {
  const left = new Set(kernel.requests.filter(({ io }) => ios.includes(io)));
  const pairs = test.submissions.flatMap((submission) =>
    requestsOf(submission).map((request) => {
      const pair = pairOf(test, submission, request, left, kernel);
      if (pair.real !== null) left.delete(pair.real);
      return pair;
    })
  );
  return { pairs, left: [...left] };
}

/** The event of the model's step at a difference. */
function eventOf(
  { ofModel }: RequestDifference,
  { map, unmap }: SimulatedRequest,
): MachineEvent | null {
  return [...map, ...unmap].find((step) => step === ofModel)?.event ?? null;
}
