/**
 * The tree's own IOVA allocator, `drivers/iommu/iova.c` with `lib/rbtree.c`, as a
 * module: what a kernel around it gives, and the functions that are called.
 */
import type { IovaOperation } from "../../instruments/oracle/iova_operations.ts";
import { type Layout, type LayoutWanted } from "../../c_drivers/tree/layout.ts";
import { TreeMemory } from "./tree_memory.ts";

/** The files that it is made of. */
export const ALLOCATOR_FILES: readonly string[] = ["drivers/iommu/iova.c", "lib/rbtree.c"];

const ACCESSORS = "struct rb_node *lab_first(struct rb_root *root) { return rb_first(root); }\n";
/** What is compiled beside them. */
export const ALLOCATOR_TEXT: string = ACCESSORS;

export const ALLOCATOR_LAYOUT: LayoutWanted = {
  headers: ["linux/iova.h", "linux/rbtree.h", "linux/workqueue.h"],
  structs: {
    iova_domain: [
      "rbroot",
      "cached_node",
      "cached32_node",
      "dma_32bit_pfn",
      "max32_alloc_size",
      "cpuhp_dead",
    ],
    iova: ["node", "pfn_lo", "pfn_hi"],
    delayed_work: ["work.func"],
  },
};

/** CPUs that the configuration has room for, and bytes that each has of its own. */
const CPUS = 16;
const CPU_BYTES = 2 ** 18;
/** Above every range: the sentinel of the tree. */
const NO_PFN = 2 ** 60;

type Wide = number | bigint;
type Function = (...args: Wide[]) => Wide | undefined;

/** Something that the tree's code reports or asks for, which ends the comparison. */
class TreeStopped extends Error {}

interface Delayed {
  readonly work: number;
  readonly atMs: number;
}

/** The tree's allocator, with the interface of `IovaModel`. */
export class TreeAllocator {
  readonly #exports: Readonly<Record<string, unknown>>;
  readonly #memory: TreeMemory;
  readonly #layout: Layout;
  readonly #caches = new Map<number, number>();
  readonly #online = new Set<number>();
  #cpuAt: number;
  #delayed: Delayed[] = [];
  #nowMs = 0;
  #cpu = 0;
  #dead = 0;
  #domain = 0;

  constructor(module: WebAssembly.Module, layout: Layout) {
    this.#layout = layout;
    const env: Record<string, WebAssembly.ImportValue> = {};
    const known = this.#imports();
    for (const { name } of WebAssembly.Module.imports(module)) {
      const stop = () => {
        throw new TreeStopped(`The tree calls ${name}(), which the comparison does not have`);
      };
      env[name] = Object.hasOwn(known, name) ? known[name]! : stop;
    }
    this.#exports = new WebAssembly.Instance(module, { env }).exports;
    const heapAt = this.#symbol("__heap_base");
    this.#cpuAt = Math.ceil(heapAt / CPU_BYTES) * CPU_BYTES;
    this.#memory = new TreeMemory(
      this.#exports["memory"] as WebAssembly.Memory,
      this.#cpuAt + CPUS * CPU_BYTES,
    );
    // All CPUs' areas are there from the beginning.
    this.#memory.take(0);
  }

  /** Performs an operation. @returns Its results, by the field names of the golden data. */
  run(operation: IovaOperation): Readonly<Record<string, unknown>> {
    this.#cpu = "cpu" in operation ? operation.cpu : 0;
    const { op } = operation;
    switch (op) {
      case "init":
        return this.#init(operation.granule, operation.start_pfn, operation.cpus);
      case "alloc_fast": {
        const { flush, limit_pfn, size } = operation;
        return { pfn: this.#call("alloc_iova_fast", this.#domain, size, limit_pfn, flush) };
      }
      case "free_fast":
        this.#call("free_iova_fast", this.#domain, operation.pfn, operation.size);
        return {};
      case "alloc": {
        const { aligned, limit_pfn, size } = operation;
        const [lo, hi] = this.#range(
          this.#call("alloc_iova", this.#domain, size, limit_pfn, aligned),
        );
        return { lo, hi };
      }
      case "free":
        this.#call("free_iova", this.#domain, operation.pfn);
        return {};
      case "reserve": {
        const { hi, lo } = operation;
        const [outLo, outHi] = this.#range(this.#call("reserve_iova", this.#domain, lo, hi));
        return { out_lo: outLo, out_hi: outHi };
      }
      case "find": {
        const [lo, hi] = this.#range(this.#call("find_iova", this.#domain, operation.pfn));
        return { lo, hi };
      }
      case "advance":
        return { works: this.#advance(operation.ms), now: this.#nowMs };
      case "cpu_dead": {
        this.#online.delete(operation.cpu);
        this.#setOnline();
        const hook = this.#domain + this.#layout.offsetOf("iova_domain.cpuhp_dead");
        this.#callPointer(this.#dead, operation.cpu, BigInt(hook));
        return { online: this.#online.size };
      }
      case "cpu_up":
        this.#online.add(operation.cpu);
        this.#setOnline();
        return { online: this.#online.size };
      case "state":
        return this.#state(operation.ranges !== undefined);
    }
  }

  #init(granule: number, startPfn: number, cpus: number): Readonly<Record<string, unknown>> {
    const { view } = this.#memory;
    for (let cpu = 0; cpu < CPUS; cpu++) {
      view.setBigUint64(this.#symbol("__per_cpu_offset") + 8 * cpu, BigInt(cpu * CPU_BYTES), true);
      if (cpu < cpus) this.#online.add(cpu);
    }
    view.setBigUint64(this.#symbol("__cpu_possible_mask"), BigInt(2 ** cpus - 1), true);
    this.#setOnline();
    if (this.#call("iova_cache_get") !== 0) throw new TreeStopped("iova_cache_get() fails");
    this.#domain = this.#memory.take(this.#layout.sizeOf("iova_domain"));
    this.#call("init_iova_domain", this.#domain, granule, startPfn);
    if (this.#call("iova_domain_init_rcaches", this.#domain) !== 0) {
      throw new TreeStopped("iova_domain_init_rcaches() fails");
    }
    return { dma_32bit_pfn: this.#member("iova_domain.dma_32bit_pfn") };
  }

  #setOnline(): void {
    const { view } = this.#memory;
    const mask = [...this.#online].reduce((bits, cpu) => bits + 2 ** cpu, 0);
    view.setBigUint64(this.#symbol("__cpu_online_mask"), BigInt(mask), true);
    view.setInt32(this.#symbol("__num_online_cpus"), this.#online.size, true);
  }

  #advance(ms: number): number {
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
      const handler = this.#memory.word(
        first.work + this.#layout.offsetOf("delayed_work.work.func"),
      );
      this.#callPointer(handler, BigInt(first.work));
    }
  }

  #state(withRanges: boolean): Readonly<Record<string, unknown>> {
    const ranges: (readonly [number, number])[] = [];
    const root = this.#domain + this.#layout.offsetOf("iova_domain.rbroot");
    for (let node = this.#call("lab_first", root); node !== 0; node = this.#call("rb_next", node)) {
      const [lo, hi] = this.#rangeOf(node);
      if (lo < NO_PFN) ranges.push([lo, hi]);
    }
    const pages = ranges.reduce((sum, [lo, hi]) => sum + hi - lo + 1, 0);
    const cursor = (member: string) => {
      const [lo, hi] = this.#rangeOf(this.#member(member));
      return hi >= NO_PFN ? "anchor" : lo;
    };
    return {
      nodes: ranges.length,
      pages,
      cached: cursor("iova_domain.cached_node"),
      cached32: cursor("iova_domain.cached32_node"),
      max32_alloc_size: this.#member("iova_domain.max32_alloc_size"),
      ...withRanges ? { ranges } : {},
    };
  }

  #member(name: string): number {
    return this.#memory.word(this.#domain + this.#layout.offsetOf(name));
  }

  /** The range of a node of the tree. */
  #rangeOf(node: number): readonly [number, number] {
    const at = node - this.#layout.offsetOf("iova.node");
    const { view } = this.#memory;
    const read = (member: string) =>
      Number(view.getBigUint64(at + this.#layout.offsetOf(member), true));
    return [read("iova.pfn_lo"), read("iova.pfn_hi")];
  }

  #range(iova: number): readonly [number | null, number | null] {
    return iova === 0 ? [null, null] : this.#rangeOf(iova + this.#layout.offsetOf("iova.node"));
  }

  #symbol(name: string): number {
    const symbol = this.#exports[name];
    if (!(symbol instanceof WebAssembly.Global)) throw new TreeStopped(`The tree has no ${name}`);
    return Number(symbol.value);
  }

  /** Converts numbers to what the function takes. */
  #call(name: string, ...args: (number | boolean)[]): number {
    const called = this.#exports[name];
    if (typeof called !== "function") throw new TreeStopped(`The tree has no ${name}()`);
    const given = args.map((arg) => typeof arg === "boolean" ? Number(arg) : BigInt(arg));
    return Number((called as Function)(...given) ?? 0);
  }

  #callPointer(at: number, ...args: Wide[]): void {
    const table = this.#exports["__indirect_function_table"] as WebAssembly.Table;
    // A table of 64-bit indexes, which the types do not know of.
    (table.get(BigInt(at) as bigint & number) as Function)(...args);
  }

  #imports(): Readonly<Record<string, WebAssembly.ImportValue>> {
    const take = (size: Wide) => BigInt(this.#memory.take(Number(size)));
    const give = (at: Wide) => this.#memory.give(Number(at));
    const lock = (at: Wide) => this.#memory.view.setUint32(Number(at), 1, true);
    const unlock = (at: Wide) => this.#memory.view.setUint32(Number(at), 0, true);
    const nothing = () => 0;
    return {
      kmem_cache_alloc_noprof: (cache: Wide) => take(this.#caches.get(Number(cache)) ?? 0),
      kmem_cache_free: (_cache: Wide, at: Wide) => give(at),
      __kmem_cache_create_args: (_name: Wide, size: Wide) => {
        const cache = this.#memory.take(0);
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
      lab_cpu: () => this.#cpu,
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
      lab_bug: (file: Wide, line: Wide) => {
        throw new TreeStopped(`BUG() at ${this.#memory.text(Number(file))}:${line}`);
      },
      warn_slowpath_fmt: (file: Wide, line: Wide) => {
        throw new TreeStopped(`WARN() at ${this.#memory.text(Number(file))}:${line}`);
      },
      timer_init_key: nothing,
      init_timer_key: nothing,
      cancel_delayed_work_sync: nothing,
      queue_delayed_work_on: (_cpu: Wide, _queue: Wide, work: Wide, delay: Wide) => {
        if (this.#delayed.some((each) => each.work === Number(work))) return 0;
        this.#delayed.push({ work: Number(work), atMs: this.#nowMs + Number(delay) });
        return 1;
      },
      __cpuhp_setup_state: (_state: Wide, _name: Wide, _now: Wide, _up: Wide, down: Wide) => {
        this.#dead = Number(down);
        return 0;
      },
      __cpuhp_remove_state: nothing,
      __cpuhp_state_add_instance: nothing,
      __cpuhp_state_remove_instance: nothing,
      memset: (at: Wide, byte: Wide, size: Wide) => {
        this.#memory.fill(Number(at), Number(byte), Number(size));
        return at;
      },
      memcpy: (to: Wide, from: Wide, size: Wide) => {
        this.#memory.copy(Number(to), Number(from), Number(size));
        return to;
      },
    };
  }
}
