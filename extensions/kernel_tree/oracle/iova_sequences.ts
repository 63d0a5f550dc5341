/** Random sequences of operations on an IOVA allocator. */
import { Random } from "@dmalab/runtime";
import type { Earlier, Operation } from "./compare.ts";
import type { IovaOperation } from "./iova_operations.ts";

type IovaStep = Operation<IovaOperation>;

const MAX_CPUS = 4;
const LIMITS = [2 ** 20 - 1, 2 ** 20 - 1, 2 ** 20, 2 ** 24 - 1, 2 ** 36 - 1, 300, 2000];
const MAX_SIZES = [1, 2, 8, 40, 300];
/**
 * First page frame numbers of IOVA spaces: mostly 1; also 16, just below 4 GiB, and just above 4
 * GiB.
 */
const START_PFNS = [1, 1, 1, 16, 2 ** 20 - 200, 2 ** 20 + 7];
const LENGTHS = [100, 500, 500, 3000];
/** Number of operations between two comparisons of the whole tree. */
const LOOK_EVERY = 32;
/**
 * Largest number of allocations in a burst. It exceeds what the two magazines of a CPU hold, so
 * that the depot is used.
 */
const BURST = 400;

/** Settings of one sequence. */
interface Plan {
  readonly cpus: number;
  readonly limit: number;
  readonly mostSize: number;
  /** Percentage of operations that free a range. */
  readonly frees: number;
  /** Whether the sequence also has operations that bypass the caches. */
  readonly isPlain: boolean;
  readonly hasHotplug: boolean;
  readonly bursts: boolean;
}

export function iovaSequence(seed: number): readonly IovaStep[] {
  const random = new Random(seed);
  const plan: Plan = {
    cpus: 1 + random.below(MAX_CPUS),
    limit: random.pick(LIMITS),
    mostSize: random.pick(MAX_SIZES),
    frees: 30 + random.below(30),
    isPlain: random.below(3) === 0,
    hasHotplug: random.below(4) === 0,
    bursts: random.below(4) === 0,
  };
  return new IovaWalk(random, plan).steps(random.pick(LENGTHS));
}

class IovaWalk {
  readonly #steps: IovaStep[] = [];
  readonly #live: number[] = [];
  readonly #dead = new Set<number>();

  constructor(readonly random: Random, readonly plan: Plan) {}

  steps(length: number): readonly IovaStep[] {
    const { plan, random } = this;
    const startPfn = plan.limit < 2 ** 20 ? 1 : random.pick(START_PFNS);
    this.#put({ op: "init", granule: 4096, start_pfn: startPfn, cpus: plan.cpus });
    // Reserves ranges before the first allocation, as a driver of an IOMMU does.
    for (let left = random.below(4); left > 0; left--) {
      const lo = startPfn + random.below(2 ** 12);
      this.#put({ op: "reserve", lo, hi: lo + random.below(200) });
    }
    while (this.#steps.length < length) {
      if (this.#steps.length % LOOK_EVERY === 0) this.#put({ op: "state", ranges: true });
      else this.#next();
    }
    this.#put({ op: "state", ranges: true });
    return this.#steps;
  }

  #put(operation: IovaOperation): number {
    const id = this.#steps.length;
    this.#steps.push({ id, operation });
    return id;
  }

  #next(): void {
    const { plan, random } = this;
    const what = random.below(100);
    if (what < 3) this.#put({ op: "advance", ms: random.below(150) });
    else if (what < 3 + plan.frees) this.#free(this.#cpu());
    else if (what < 65 && plan.hasHotplug && random.below(6) === 0) this.#hotplug();
    else if (plan.bursts && random.below(150) === 0) this.#burst();
    else if (plan.isPlain && random.below(3) === 0) this.#plain();
    else this.#allocate(this.#size(), this.#cpu());
  }

  /** An online CPU; CPU 0 is always online. */
  #cpu(): number {
    const cpu = this.random.below(this.plan.cpus);
    return this.#dead.has(cpu) ? 0 : cpu;
  }

  #size(): number {
    const { plan: { mostSize }, random } = this;
    // Powers of two fill the caches' classes exactly.
    return random.below(3) === 0
      ? 2 ** random.below(Math.floor(Math.log2(mostSize)) + 1)
      : 1 + random.below(mostSize);
  }

  #limit(): number {
    return this.random.below(8) === 0 ? this.random.pick(LIMITS) : this.plan.limit;
  }

  #allocate(size: number, cpu: number): void {
    const flush = this.random.below(2) === 0;
    const id = this.#put({ op: "alloc_fast", cpu, size, limit_pfn: this.#limit(), flush });
    this.#live.push(id);
  }

  #free(cpu: number): void {
    const { random } = this;
    if (this.#live.length === 0) return this.#allocate(this.#size(), cpu);
    // Frees the range that was allocated last, or any range.
    const at = random.below(3) === 0 ? this.#live.length - 1 : random.below(this.#live.length);
    const [of = 0] = this.#live.splice(at, 1);
    const then = (earlier: Earlier<IovaOperation>): IovaOperation | null => {
      const [operation, { lo, pfn } = {}] = earlier.get(of) ?? [];
      if (operation?.op === "alloc" && typeof lo === "number") {
        return { op: "free", pfn: lo + Math.floor(operation.size / 2) };
      }
      return operation?.op === "alloc_fast" && typeof pfn === "number" && pfn !== 0
        ? { op: "free_fast", cpu, pfn, size: operation.size }
        : null;
    };
    this.#steps.push({ id: this.#steps.length, then });
  }

  #plain(): void {
    const { random } = this;
    if (random.below(4) === 0) {
      this.#put({ op: "find", pfn: Math.max(0, this.#limit() - random.below(1000)) });
      return;
    }
    const aligned = random.below(2) === 0;
    const id = this.#put({ op: "alloc", size: this.#size(), limit_pfn: this.#limit(), aligned });
    this.#live.push(id);
  }

  /**
   * Fills magazines: allocates ranges of one size on one CPU, then frees as many ranges on one CPU,
   * which may be another one.
   */
  #burst(): void {
    const { random } = this;
    const [size, from, to] = [this.#size(), this.#cpu(), this.#cpu()];
    const count = 1 + random.below(BURST);
    for (let left = count; left > 0; left--) this.#allocate(size, from);
    for (let left = count; left > 0; left--) this.#free(to);
  }

  #hotplug(): void {
    const { plan, random } = this;
    const cpu = random.below(plan.cpus);
    if (cpu === 0) return;
    if (this.#dead.delete(cpu)) this.#put({ op: "cpu_up", cpu });
    else {
      this.#dead.add(cpu);
      this.#put({ op: "cpu_dead", cpu });
    }
  }
}
