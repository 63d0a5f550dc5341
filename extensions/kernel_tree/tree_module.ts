/** Files of a tree that are linked as one module, with replacements for the rest of the kernel. */
import { stackText } from "@dmalab/lang/diagnostics";
import { PAGE_STRUCT_BYTES, TREE_PAGE_MAP } from "@dmalab/c_drivers";
import type { ModuleLines, TreeLayout } from "@dmalab/c_drivers/tree";
import { groupThousands } from "@dmalab/lang/text";
import { pathInTree, type TreeCoverage } from "./tree_coverage.ts";
import { TreeMemory } from "./tree_memory.ts";

/** Number of CPUs in the configuration, and bytes of each CPU's data. */
const CPUS = 16;
const CPU_BYTES = 2 ** 18;

export type TreeValue = number | bigint;
type Function = (...args: TreeValue[]) => TreeValue | undefined;
/** An argument with 32 bits in C; other arguments have 64. */
export class Int {
  constructor(readonly value: number) {}
}

/** Functions that the tree's files call, by their names. */
export type TreeImports = Readonly<Record<string, (...args: TreeValue[]) => TreeValue | void>>;

/** A line of a tree's file. */
export interface StoppedLine {
  readonly path: string;
  readonly line: number;
}

/**
 * The tree's code reported an error, or called a function that dmalab does not replace. This ends
 * the comparison.
 */
export class TreeStopped extends Error {
  /**
   * @param at The lines of the call stack, the innermost first; for an endless loop, the lines of
   *   its last rounds. Empty if they are not known.
   */
  constructor(message: string, readonly at: readonly StoppedLine[] = []) {
    super(message);
  }
}

/**
 * A call of the tree's code exceeded the limit of loop rounds for one call, or all calls together
 * exceeded their limit.
 */
export class EndlessLoop extends TreeStopped {}

/** A queued delayed work or timer. */
interface Delayed {
  readonly at: number;
  readonly atMs: number;
  readonly member: "delayed_work.work.func" | "timer_list.function";
}

/** A module, and the layout of the tree's structures that are read. */
export interface LinkedTree {
  readonly module: WebAssembly.Module;
  readonly layout: TreeLayout;
  readonly coverage: TreeCoverage;
  /** Lines of C by code offsets in the module. */
  readonly lines: ModuleLines;
  /** Loop rounds that all instances of the module together have left. */
  readonly work: { roundsLeft: number };
}

/**
 * Limit of loop rounds in one call: a hundred times the number of rounds of the longest mapping in
 * the comparisons.
 */
const MAX_ROUNDS = 2 ** 26;
/**
 * Number of rounds directly before the limit that are recorded: their lines are the lines of the
 * endless loop.
 */
const LAST_ROUNDS = 2 ** 16;
/**
 * Number of recorded last rounds of a loop in dmalab's own code that calls the tree's code in each
 * round.
 */
const LAST_CALLS = 64;
/** Number of works and timers that may run in a millisecond. */
const RUNS_EACH_MS = 2 ** 10;
const WORK = "delayed_work.work.func";
const TIMER = "timer_list.function";

export class TreeModule {
  readonly layout: TreeLayout;
  readonly memory: TreeMemory;
  readonly #exports: Readonly<Record<string, unknown>>;
  readonly #linked: LinkedTree;
  readonly #caches = new Map<number, number>();
  readonly #online = new Set<number>();
  #cpuAt: number;
  #delayed: Delayed[] = [];
  #nowMs = 0;
  #deadCallback = 0;
  /**
   * Whether the tree's code is running. The tree's code may call a function of dmalab that calls the
   * tree's code again.
   */
  #isRunning = false;
  /** Number of rounds that the current call has left after `lab_rounds` has counted down to 0. */
  #roundsAfter = 0;
  cpu = 0;

  /** @param imports Functions in addition to the ones that all files may call. */
  constructor(linked: LinkedTree, imports: TreeImports = {}) {
    const { coverage, layout, module } = linked;
    this.#linked = linked;
    this.layout = layout;
    const env: Record<string, WebAssembly.ImportValue> = {};
    const known: TreeImports = { ...this.#allocating(), ...this.#running(), ...imports };
    for (const { name } of WebAssembly.Module.imports(module)) {
      const stop = () => {
        throw new TreeStopped(`The tree calls ${name}(), which the comparison does not have`);
      };
      // The tree's DMA debugging is not needed: dmalab's checker reports the same errors.
      const isKnown = Object.hasOwn(known, name) || name.startsWith("debug_dma_");
      env[name] = isKnown ? known[name] ?? nothing : stop;
    }
    this.#exports = new WebAssembly.Instance(module, { env }).exports;
    const heapAt = this.symbol("__heap_base");
    this.#cpuAt = Math.ceil(heapAt / CPU_BYTES) * CPU_BYTES;
    this.memory = new TreeMemory(
      this.#exports["memory"] as WebAssembly.Memory,
      this.#cpuAt + CPUS * CPU_BYTES,
    );
    coverage.follow((symbol, count) =>
      new Uint8Array(this.memory.view.buffer, this.symbol(symbol), count)
    );
    // Grows the memory to include the areas of all CPUs.
    this.memory.take(0);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get onlineCount(): number {
    return this.#online.size;
  }

  /** Brings CPUs up. */
  startCpus(count: number): void {
    const { view } = this.memory;
    for (let cpu = 0; cpu < CPUS; cpu++) {
      view.setBigUint64(this.symbol("__per_cpu_offset") + 8 * cpu, BigInt(cpu * CPU_BYTES), true);
      if (cpu < count) this.#online.add(cpu);
    }
    view.setBigUint64(this.symbol("__cpu_possible_mask"), BigInt(2 ** count - 1), true);
    this.#setOnline();
  }

  /** @param hook The hotplug node that the tree registered for this instance. */
  stopCpu(cpu: number, hook: number): void {
    this.#online.delete(cpu);
    this.#setOnline();
    this.callPointer(this.#deadCallback, cpu, BigInt(hook));
  }

  restartCpu(cpu: number): void {
    this.#online.add(cpu);
    this.#setOnline();
  }

  /** Advances the clock. @returns The numbers of delayed works and timers that ran. */
  advance(ms: number): { readonly works: number; readonly timers: number } {
    const end = this.#nowMs + ms;
    const ran = { works: 0, timers: 0 };
    const countRound = this.countRounds(
      (ms + 1) * RUNS_EACH_MS,
      `works and timers start each other without end in ${ms} ms`,
    );
    for (;;) {
      countRound();
      this.#delayed.sort((a, b) => a.atMs - b.atMs);
      const first = this.#delayed[0];
      if (first === undefined || first.atMs > end) {
        this.#setNow(end);
        return ran;
      }
      this.#delayed.shift();
      this.#setNow(first.atMs);
      ran[first.member === TIMER ? "timers" : "works"]++;
      const handler = this.memory.word(first.at + this.layout.offsetOf(first.member));
      this.callPointer(handler, BigInt(first.at));
    }
  }

  #setNow(ms: number): void {
    this.#nowMs = ms;
    if ("jiffies" in this.#exports) {
      this.memory.view.setBigUint64(this.symbol("jiffies"), BigInt(ms), true);
    }
  }

  #cancel(at: TreeValue): number {
    const before = this.#delayed.length;
    this.#delayed = this.#delayed.filter((each) => each.at !== Number(at));
    return before - this.#delayed.length;
  }

  symbol(name: string): number {
    const symbol = this.#exports[name];
    if (!(symbol instanceof WebAssembly.Global)) throw new TreeStopped(`The tree has no ${name}`);
    return Number(symbol.value);
  }

  makePageMap(pages: number): void {
    this.memory.growTo(TREE_PAGE_MAP + pages * PAGE_STRUCT_BYTES);
  }

  /** Calls a function of the tree, converting the arguments to its parameter types. */
  call(name: string, ...args: (TreeValue | boolean | Int)[]): number {
    const called = this.#exports[name];
    if (typeof called !== "function") throw new TreeStopped(`The tree has no ${name}()`);
    const given = args.map((arg) =>
      typeof arg === "boolean" ? Number(arg) : arg instanceof Int ? arg.value : BigInt(arg)
    );
    return this.#bounded(() => (called as Function)(...given));
  }

  callPointer(at: number, ...args: TreeValue[]): number {
    const table = this.#exports["__indirect_function_table"] as WebAssembly.Table;
    // A table of 64-bit indexes, which the types do not know of.
    const called = table.get(BigInt(at) as bigint & number) as Function;
    return this.#bounded(() => called(...args));
  }

  /**
   * Limits the rounds of a loop in dmalab's own code that calls the tree's code in each round. The
   * loop needs a limit, because the results of these calls decide when it ends.
   *
   * @param most Allowed number of rounds.
   * @param what The message for a loop with more rounds: a verb and its object.
   * @returns A function to call in each round. @throws {EndlessLoop}
   */
  countRounds(most: number, what: string): () => void {
    const { coverage } = this.#linked;
    let rounds = 0;
    return () => {
      rounds++;
      if (rounds === most + 1) coverage.startLast();
      if (rounds > most + LAST_CALLS) {
        throw new EndlessLoop(`endless loop: ${what}`, coverage.lastLines());
      }
    };
  }

  /** Calls the tree's code, with a limit of loop rounds. */
  #bounded(run: () => TreeValue | undefined): number {
    if (this.#isRunning) return Number(run() ?? 0);
    const { lines, work } = this.#linked;
    const rounds = Math.min(MAX_ROUNDS, work.roundsLeft);
    this.#roundsAfter = Math.min(LAST_ROUNDS, rounds);
    this.#setRounds(rounds - this.#roundsAfter);
    this.#isRunning = true;
    try {
      return Number(run() ?? 0);
    } catch (error) {
      if (error instanceof TreeStopped || !(error instanceof Error)) throw error;
      const at = lines.inStack(stackText(error)).flatMap(({ file, line }) => {
        const path = pathInTree(file);
        return path === null ? [] : [{ path, line }];
      });
      throw new TreeStopped(error.message, at);
    } finally {
      this.#isRunning = false;
      work.roundsLeft -= rounds - this.#roundsAfter - this.#rounds();
    }
  }

  /** Rounds left in the module's counter; the counter is below 0 after the last round. */
  #rounds(): number {
    return Math.max(0, Number(this.memory.view.getBigInt64(this.symbol("lab_rounds"), true)));
  }

  #setRounds(count: number): void {
    this.memory.view.setBigInt64(this.symbol("lab_rounds"), BigInt(count), true);
  }

  /**
   * Called when the counter has run out: once when the recording of the last rounds has to start,
   * and again when these rounds have run.
   */
  #tooLong(): void {
    const { coverage, work } = this.#linked;
    if (this.#roundsAfter > 0) {
      coverage.startLast();
      this.#setRounds(this.#roundsAfter);
      this.#roundsAfter = 0;
      return;
    }
    const what = work.roundsLeft < MAX_ROUNDS
      ? "the calls of these sequences ran all rounds of loops that they had left, "
      : "a call ran ";
    const rounds = groupThousands(Math.min(MAX_ROUNDS, work.roundsLeft));
    throw new EndlessLoop(`endless loop: ${what}${rounds} rounds of loops`, coverage.lastLines());
  }

  #setOnline(): void {
    const { view } = this.memory;
    const mask = [...this.#online].reduce((bits, cpu) => bits + 2 ** cpu, 0);
    view.setBigUint64(this.symbol("__cpu_online_mask"), BigInt(mask), true);
    view.setInt32(this.symbol("__num_online_cpus"), this.#online.size, true);
  }

  #allocating(): TreeImports {
    const take = (size: TreeValue) => BigInt(this.memory.take(Number(size)));
    const give = (at: TreeValue) => this.memory.give(Number(at));
    return {
      kmem_cache_alloc_noprof: (cache) => take(this.#caches.get(Number(cache)) ?? 0),
      kmem_cache_free: (_cache, at) => give(at),
      __kmem_cache_create_args: (_name, size) => {
        const cache = this.memory.take(0);
        this.#caches.set(cache, Number(size));
        return BigInt(cache);
      },
      kmem_cache_destroy: nothing,
      __kmalloc_cache_noprof: (_cache, _flags, size) => take(size),
      __kmalloc_noprof: take,
      kfree: give,
      vmalloc_noprof: take,
      vfree: give,
      pcpu_alloc_noprof: (size, align) => {
        const unit = Math.max(8, Number(align));
        const at = Math.ceil(this.#cpuAt / unit) * unit;
        this.#cpuAt = at + Number(size);
        return BigInt(at);
      },
      free_percpu: nothing,
      // A helper of the compiler: the 128-bit product of two numbers, each in two halves.
      __multi3: (at, low, high, otherLow, otherHigh) => {
        const whole = (first: TreeValue, second: TreeValue) =>
          BigInt.asUintN(64, BigInt(first)) + (BigInt(second) << 64n);
        const product = whole(low, high) * whole(otherLow, otherHigh);
        this.memory.view.setBigUint64(Number(at), product, true);
        this.memory.view.setBigUint64(Number(at) + 8, product >> 64n, true);
      },
      simple_strtoul: (text, end) => {
        const [digits = ""] = /^\d*/.exec(this.memory.text(Number(text))) ?? [];
        if (Number(end) !== 0) {
          this.memory.view.setBigUint64(Number(end), BigInt(text) + BigInt(digits.length), true);
        }
        return BigInt(digits);
      },
      strcmp: (one, other) =>
        Number(this.memory.text(Number(one)) !== this.memory.text(Number(other))),
      strncmp: (one, other, count) => {
        const [first, second] = [one, other].map((at) =>
          this.memory.text(Number(at)).slice(0, Number(count))
        );
        return Number(first !== second);
      },
      memset: (at, byte, size) => {
        this.memory.fill(Number(at), Number(byte), Number(size));
        return at;
      },
      memset64: (at, value, count) => {
        for (let index = 0; index < Number(count); index++) {
          this.memory.view.setBigUint64(Number(at) + 8 * index, BigInt(value), true);
        }
        return at;
      },
      memcpy: (to, from, size) => {
        this.memory.copy(Number(to), Number(from), Number(size));
        return to;
      },
    };
  }

  #running(): TreeImports {
    const lock = (at: TreeValue) => this.memory.view.setUint32(Number(at), 1, true);
    const unlock = (at: TreeValue) => this.memory.view.setUint32(Number(at), 0, true);
    const initTimer = (timer: TreeValue, callback: TreeValue) => {
      const at = Number(timer) + this.layout.offsetOf(TIMER);
      this.memory.view.setBigUint64(at, BigInt(callback), true);
    };
    const stopped = (what: string) => (file: TreeValue, line: TreeValue) => {
      throw new TreeStopped(`${what}() at ${this.memory.text(Number(file))}:${line}`);
    };
    return {
      lab_cpu: () => this.cpu,
      lab_endless: () => this.#tooLong(),
      arch_local_save_flags: () => 0n,
      arch_local_irq_restore: nothing,
      _raw_spin_lock: lock,
      _raw_spin_unlock: unlock,
      _raw_spin_lock_irqsave: (at) => {
        lock(at);
        return 0n;
      },
      _raw_spin_unlock_irqrestore: unlock,
      mutex_lock: nothing,
      mutex_unlock: nothing,
      _printk: nothing,
      lab_bug: stopped("BUG"),
      warn_slowpath_fmt: stopped("WARN"),
      timer_init_key: initTimer,
      init_timer_key: initTimer,
      mod_timer: (timer, expires) => {
        const wasPending = this.#cancel(timer);
        this.#delayed.push({ at: Number(timer), atMs: Number(expires), member: TIMER });
        return wasPending;
      },
      timer_delete_sync: (timer) => this.#cancel(timer),
      // The configuration's `HZ` is 1000.
      __msecs_to_jiffies: (ms) => BigInt(ms),
      cancel_delayed_work_sync: nothing,
      queue_delayed_work_on: (_cpu, _queue, work, delay) => {
        if (this.#delayed.some((each) => each.at === Number(work))) return 0;
        const atMs = this.#nowMs + Number(delay);
        this.#delayed.push({ at: Number(work), atMs, member: WORK });
        return 1;
      },
      __cpuhp_setup_state: (_state, _name, _now, _up, down) => {
        this.#deadCallback = Number(down);
        return 0;
      },
      __cpuhp_remove_state: nothing,
      __cpuhp_state_add_instance: nothing,
      __cpuhp_state_remove_instance: nothing,
    };
  }
}

function nothing(): number {
  return 0;
}
