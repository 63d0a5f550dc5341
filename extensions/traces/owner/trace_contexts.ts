/**
 * The context that wrote each line of a trace: a task, or an interrupt of a CPU.
 *
 * Interrupts nest, and end in the reverse order: a CPU goes on with a task only after its soft
 * interrupt has ended, and with a soft interrupt only after its hard one. So each CPU has a stack, and
 * a line of an outer context ends every context inside it. With PREEMPT_RT another task can run
 * before a soft interrupt ends; such a soft interrupt is then read as two.
 *
 * @see rules/traces.md T.4, T.26
 */
import { NumberMap } from "./number_map.ts";

/** Depth of the kinds of contexts on the stack of a CPU. */
const DEPTH = { task: 0, soft: 1, hard: 2, nmi: 3 } as const;
const MAX_DEPTH = DEPTH.nmi;

const codeOf = (flag: string) => flag.charCodeAt(0);
/** Hard interrupt of a task: no soft interrupt is below it. */
const HARD_OF_TASK = codeOf("h");
/** NMI, with no hard interrupt below it. */
const NMI_OUTSIDE_HARD = codeOf("z");
/** Depth by the flag of a line; dialects without flags print all lines as those of tasks. */
const DEPTHS = new Uint8Array(256);
DEPTHS[codeOf("s")] = DEPTH.soft;
DEPTHS[HARD_OF_TASK] = DEPTHS[codeOf("H")] = DEPTH.hard;
DEPTHS[NMI_OUTSIDE_HARD] = DEPTHS[codeOf("Z")] = DEPTH.nmi;

const MAX_CPUS = 4096;
const MAX_FLAGS = 256;
/**
 * If there are more tasks than this, the contexts are dropped of tasks that have been idle for
 * `IDLE_SECONDS`.
 */
const MAX_TASKS = 1 << 12;

/** A task, or one run of an interrupt. */
export class TraceContext {
  /** When the context wrote its last line. */
  lastSeconds = 0;

  /**
   * @param pid In an interrupt, the pid of the interrupted task.
   * @param flag Character code of ftrace's flag for the context.
   */
  constructor(readonly pid: number, readonly flag: number) {}

  get isInterrupt(): boolean {
    return DEPTHS[this.flag] !== DEPTH.task;
  }
}

export interface ContextHooks<Context extends TraceContext> {
  /** @param before The context of the previous line of this CPU, for an interrupt; else null. */
  readonly make: (pid: number, flag: number, before: Context | null) => Context;
  /** Called when an interrupt has ended, or when a task has been idle for `idleSeconds`. */
  readonly end: (context: Context) => void;
  /** The longest time between two lines of a task that belong together. */
  readonly idleSeconds: number;
}

/** The interrupts of a CPU, by their depth. */
class CpuStack<Context> {
  readonly interrupts: (Context | null)[] = new Array(MAX_DEPTH + 1).fill(null);
  /** The context of the CPU's last line. */
  last: Context | null = null;
}

export class TraceContexts<Context extends TraceContext> {
  readonly #tasks = new NumberMap<Context>();
  readonly #cpus = new NumberMap<CpuStack<Context>>();
  #mostTasks = MAX_TASKS;
  /** The context of the last line, and its key. Many lines in a row have the same context. */
  #newest: Context | null = null;
  #newestKey = -1;

  constructor(private readonly hooks: ContextHooks<Context>) {}

  /** The context of a line. Lines are given in the order of the trace. */
  at(pid: number, cpu: number, flag: number, seconds: number): Context {
    const key = (pid * MAX_CPUS + cpu) * MAX_FLAGS + flag;
    if (key === this.#newestKey) {
      this.#newest!.lastSeconds = seconds;
      return this.#newest!;
    }
    const context = this.#find(pid, cpu % MAX_CPUS, flag, seconds);
    context.lastSeconds = seconds;
    this.#newestKey = key;
    return this.#newest = context;
  }

  #find(pid: number, cpu: number, flag: number, seconds: number): Context {
    const depth = DEPTHS[flag]!;
    let stack = this.#cpus.get(cpu);
    if (stack === undefined) this.#cpus.set(cpu, stack = new CpuStack());
    for (let inner = MAX_DEPTH; inner > depth; inner--) this.#end(stack, inner);
    if (depth === DEPTH.task) return stack.last = this.#task(pid, cpu, flag, seconds);
    if (flag === HARD_OF_TASK) this.#end(stack, DEPTH.soft);
    if (flag === NMI_OUTSIDE_HARD) this.#end(stack, DEPTH.hard);
    const known = stack.interrupts[depth]!;
    if (known !== null && known.pid === pid && known.flag === flag) return stack.last = known;
    this.#end(stack, depth);
    const context = this.hooks.make(pid, flag, stack.last);
    stack.interrupts[depth] = context;
    return stack.last = context;
  }

  #end({ interrupts }: CpuStack<Context>, depth: number): void {
    const context = interrupts[depth]!;
    if (context === null) return;
    interrupts[depth] = null;
    this.hooks.end(context);
  }

  /** A task can move to another CPU; only the idle tasks, with pid 0, are one for each CPU. */
  #task(pid: number, cpu: number, flag: number, seconds: number): Context {
    const key = pid === 0 ? -1 - cpu : pid;
    let context = this.#tasks.get(key);
    if (context === undefined) {
      if (this.#tasks.size >= this.#mostTasks) this.#dropIdle(seconds);
      this.#tasks.set(key, context = this.hooks.make(pid, flag, null));
    }
    return context;
  }

  #dropIdle(now: number): void {
    for (const [key, context] of this.#tasks) {
      if (now - context.lastSeconds < this.hooks.idleSeconds) continue;
      this.hooks.end(context);
      this.#tasks.delete(key);
      if (context === this.#newest) this.#newestKey = -1;
    }
    this.#mostTasks = Math.max(MAX_TASKS, 2 * this.#tasks.size);
  }

  /** Every task, and every interrupt that has not ended. */
  all(): Context[] {
    const interrupts = [...this.#cpus.values()].flatMap(({ interrupts }) => interrupts);
    return [...this.#tasks.values(), ...interrupts.filter((context) => context !== null)];
  }
}
