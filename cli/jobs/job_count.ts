/** How many jobs run at a time. */
import { DEFAULT_LIMITS } from "@dmalab/lang/values";

/** V8's limit of a heap is at most this, whatever the machine has. */
const MOST_HEAP_BYTES = 2 ** 32;
/** V8 lets a heap grow to this part of the machine's memory, or of the container's. */
const HEAP_PART = 1 / 4;
/** The part of the memory that all jobs together may use. */
const JOBS_PART = 1 / 2;

/** How many jobs run at a time. */
export interface JobCount {
  readonly most: number;
  /** Whether `--jobs` names the number. Otherwise there are fewer if more would not pay. */
  readonly isGiven: boolean;
}

interface Heap {
  getBuiltinModule(name: "node:v8"): {
    getHeapStatistics(): { readonly heap_size_limit: number };
  };
}

/**
 * The number of jobs.
 *
 * Without `--jobs` it is the number of processors that this process may use: the system counts the affinity of the
 * process and the quota of its cgroup. There are fewer jobs if their memory limits together exceed half of the memory.
 * The memory is what V8 has found when it started; reading it again would need a permission.
 *
 * @param given The number of `--jobs`; null without it.
 * @param memoryBytes The memory limit of one job.
 */
export function jobCount(
  given: number | null,
  memoryBytes: number = DEFAULT_LIMITS.memoryBytes,
): JobCount {
  if (given !== null) return { most: given, isGiven: true };
  const processors = Math.max(1, navigator.hardwareConcurrency);
  if (processors === 1) return { most: 1, isGiven: false };
  const process: Heap = Reflect.get(globalThis, "process");
  const heapBytes = process.getBuiltinModule("node:v8").getHeapStatistics().heap_size_limit;
  return { most: jobsWithin(processors, heapBytes, memoryBytes), isGiven: false };
}

/** @param heapBytes V8's limit of a heap. */
export function jobsWithin(processors: number, heapBytes: number, memoryBytes: number): number {
  // A greater machine cannot be told from one with this memory.
  if (heapBytes >= MOST_HEAP_BYTES) return processors;
  const fitting = Math.floor(JOBS_PART / HEAP_PART * heapBytes / memoryBytes);
  return Math.max(1, Math.min(processors, fitting));
}
