/** Files of a tree that are linked as one module, with what a kernel around them provides. */
import type { Layout } from "../../c_drivers/tree/layout.ts";
import { TreeMemory } from "./tree_memory.ts";

/** CPUs that the configuration has room for, and bytes that each has of its own. */
const CPUS = 16;
const CPU_BYTES = 2 ** 18;

export type Wide = number | bigint;
type Function = (...args: Wide[]) => Wide | undefined;
/** Functions that the files call, by their names. */
export type Imports = Readonly<Record<string, (...args: Wide[]) => Wide | void>>;

/** The tree's code reports something, or calls what it does not get: that ends the comparison. */
export class TreeStopped extends Error {}

interface Delayed {
  readonly work: number;
  readonly atMs: number;
}

/** A module and how the tree lays out what is read of it. */
export interface LinkedTree {
  readonly module: WebAssembly.Module;
  readonly layout: Layout;
}

export class TreeModule {
  readonly layout: Layout;
  readonly memory: TreeMemory;
  readonly #exports: Readonly<Record<string, unknown>>;
  readonly #caches = new Map<number, number>();
  readonly #online = new Set<number>();
  #cpuAt: number;
  #delayed: Delayed[] = [];
  #nowMs = 0;
  #deadCallback = 0;
  cpu = 0;

  /** @param imports Beside those that every file may call. */
  constructor({ layout, module }: LinkedTree, imports: Imports = {}) {
    this.layout = layout;
    const env: Record<string, WebAssembly.ImportValue> = {};
    const known: Imports = { ...this.#allocating(), ...this.#running(), ...imports };
    for (const { name } of WebAssembly.Module.imports(module)) {
      const stop = () => {
        throw new TreeStopped(`The tree calls ${name}(), which the comparison does not have`);
      };
      env[name] = Object.hasOwn(known, name) ? known[name]! : stop;
    }
    this.#exports = new WebAssembly.Instance(module, { env }).exports;
    const heapAt = this.symbol("__heap_base");
    this.#cpuAt = Math.ceil(heapAt / CPU_BYTES) * CPU_BYTES;
    this.memory = new TreeMemory(
      this.#exports["memory"] as WebAssembly.Memory,
      this.#cpuAt + CPUS * CPU_BYTES,
    );
    // All CPUs' areas are there from the beginning.
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

  /** @param hook What the tree registered for this instance. */
  stopCpu(cpu: number, hook: number): void {
    this.#online.delete(cpu);
    this.#setOnline();
    this.callPointer(this.#deadCallback, cpu, BigInt(hook));
  }

  restartCpu(cpu: number): void {
    this.#online.add(cpu);
    this.#setOnline();
  }

  /** Time passes. @returns How many delayed works ran. */
  advance(ms: number): number {
    const end = this.#nowMs + ms;
    for (let works = 0;; works++) {
      this.#delayed.sort((a, b) => a.atMs - b.atMs);
      const first = this.#delayed[0];
      if (first === undefined || first.atMs > end) {
        this.#nowMs = end;
        return works;
      }
      this.#delayed.shift();
      this.#nowMs = first.atMs;
      const handler = this.memory.word(first.work + this.layout.offsetOf("delayed_work.work.func"));
      this.callPointer(handler, BigInt(first.work));
    }
  }

  symbol(name: string): number {
    const symbol = this.#exports[name];
    if (!(symbol instanceof WebAssembly.Global)) throw new TreeStopped(`The tree has no ${name}`);
    return Number(symbol.value);
  }

  /** Converts numbers to what the function takes. */
  call(name: string, ...args: (number | boolean)[]): number {
    const called = this.#exports[name];
    if (typeof called !== "function") throw new TreeStopped(`The tree has no ${name}()`);
    const given = args.map((arg) => typeof arg === "boolean" ? Number(arg) : BigInt(arg));
    return Number((called as Function)(...given) ?? 0);
  }

  callPointer(at: number, ...args: Wide[]): void {
    const table = this.#exports["__indirect_function_table"] as WebAssembly.Table;
    // A table of 64-bit indexes, which the types do not know of.
    (table.get(BigInt(at) as bigint & number) as Function)(...args);
  }

  #setOnline(): void {
    const { view } = this.memory;
    const mask = [...this.#online].reduce((bits, cpu) => bits + 2 ** cpu, 0);
    view.setBigUint64(this.symbol("__cpu_online_mask"), BigInt(mask), true);
    view.setInt32(this.symbol("__num_online_cpus"), this.#online.size, true);
  }

  #allocating(): Imports {
    const take = (size: Wide) => BigInt(this.memory.take(Number(size)));
    const give = (at: Wide) => this.memory.give(Number(at));
    return {
      kmem_cache_alloc_noprof: (cache: Wide) => take(this.#caches.get(Number(cache)) ?? 0),
      kmem_cache_free: (_cache: Wide, at: Wide) => give(at),
      __kmem_cache_create_args: (_name: Wide, size: Wide) => {
        const cache = this.memory.take(0);
        this.#caches.set(cache, Number(size));
        return BigInt(cache);
      },
      kmem_cache_destroy: nothing,
      __kmalloc_cache_noprof: (_cache: Wide, _flags: Wide, size: Wide) => take(size),
      __kmalloc_noprof: take,
      kfree: give,
      pcpu_alloc_noprof: (size: Wide, align: Wide) => {
        const unit = Math.max(8, Number(align));
        const at = Math.ceil(this.#cpuAt / unit) * unit;
        this.#cpuAt = at + Number(size);
        return BigInt(at);
      },
      free_percpu: nothing,
      memset: (at: Wide, byte: Wide, size: Wide) => {
        this.memory.fill(Number(at), Number(byte), Number(size));
        return at;
      },
      memcpy: (to: Wide, from: Wide, size: Wide) => {
        this.memory.copy(Number(to), Number(from), Number(size));
        return to;
      },
    };
  }

  #running(): Imports {
    const lock = (at: Wide) => this.memory.view.setUint32(Number(at), 1, true);
    const unlock = (at: Wide) => this.memory.view.setUint32(Number(at), 0, true);
    const stopped = (what: string) => (file: Wide, line: Wide) => {
      throw new TreeStopped(`${what}() at ${this.memory.text(Number(file))}:${line}`);
    };
    return {
      lab_cpu: () => this.cpu,
      arch_local_save_flags: () => 0n,
      arch_local_irq_restore: nothing,
      _raw_spin_lock: lock,
      _raw_spin_unlock: unlock,
      _raw_spin_lock_irqsave: (at: Wide) => {
        lock(at);
        return 0n;
      },
      _raw_spin_unlock_irqrestore: unlock,
      mutex_lock: nothing,
      mutex_unlock: nothing,
      _printk: nothing,
      lab_bug: stopped("BUG"),
      warn_slowpath_fmt: stopped("WARN"),
      timer_init_key: nothing,
      init_timer_key: nothing,
      cancel_delayed_work_sync: nothing,
      queue_delayed_work_on: (_cpu: Wide, _queue: Wide, work: Wide, delay: Wide) => {
        if (this.#delayed.some((each) => each.work === Number(work))) return 0;
        this.#delayed.push({ work: Number(work), atMs: this.#nowMs + Number(delay) });
        return 1;
      },
      __cpuhp_setup_state: (_state: Wide, _name: Wide, _now: Wide, _up: Wide, down: Wide) => {
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
