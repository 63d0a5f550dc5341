/**
 * Kernel functions for files that are compiled with a tree, with the tree's names and types. If the
 * lab has a function under another name, or with its arguments in another order, the function has a
 * row here. Every other unknown name becomes a stub that reports its call.
 */
import { C_CALLS, type CCall } from "../calls.ts";
import { CContents, giveFirmware } from "../calls/device_contents.ts";
import { workKey } from "../calls/deferred.ts";
import { pass } from "../calls/interrupt.ts";
import {
  addAction,
  forgetAction,
  freeManagedIrq,
  noteAction,
  releaseUntil,
} from "../calls/managed.ts";
import { isLocked } from "../calls/locks.ts";
import { barFlags, functionOf, propertyOf } from "../calls/pci.ts";
import { callOwn, CDeferred, CTimers, NS_PER_JIFFY } from "../c_deferred.ts";
import type { CArguments } from "../call_entry.ts";
import type { CKernel } from "../c_kernel.ts";
import { CFailures } from "../c_failures.ts";
import { CPagePools } from "../c_page_pools.ts";
import { CStubs } from "../c_stubs.ts";
import type { OfTree } from "./of_tree.ts";
import { RefusedCode } from "../code_checks.ts";
import { formatMessage } from "../print_format.ts";
import { type CType, isPointer } from "../prototype.ts";
import type { Stubs } from "@dmalab/lang/values";
import { invariant } from "@dmalab/runtime";
import { KNOWN_TREES } from "@dmalab/runtime/kernels";
import type { ImportedFunction, ValueType } from "../wasm/wasm_reader.ts";

type U64 = number | bigint;
type StubBody = (kernel: CKernel, args: readonly number[]) => number | void;

const CALLS: ReadonlyMap<string, CCall> = new Map(
  C_CALLS.map((call) => [call.prototype.name, call]),
);

function runNamed(name: string, kernel: CKernel, ...args: readonly number[]): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, ...rest] = args;
  const given: CArguments = [a, b, c, d, e, f, g, ...rest];
  return CALLS.get(name)!.run(kernel, given) ?? 0;
}

/**
 * Calls a function of the lab with arguments of the tree's function. `order` has one index for each
 * argument that is passed to the lab's function: the argument's index in the tree's function.
 */
const by = (name: string, ...order: readonly number[]): StubBody => (kernel, args) =>
  runNamed(name, kernel, ...order.map((index) => args[index] ?? 0));

/** Prints a line of the log. A format that specifies its level begins with a marker and a digit. */
const prints = (level: number): StubBody => (kernel, [dev = 0, format = 0, given = 0]) =>
  runNamed("dmalab_print_line", kernel, level, kernel.isDevice(dev) ? dev : 0, format, given);

const LEVEL_FOLLOWS = "\u0001";
const USUAL_LEVEL = 6;

const printk: StubBody = (kernel, [format = 0, given = 0]) => {
  const text = kernel.memory.textAt(format);
  const hasLevel = text.startsWith(LEVEL_FOLLOWS);
  const level = hasLevel ? Number(text[1]) : USUAL_LEVEL;
  return runNamed("dmalab_print_line", kernel, level, 0, format + (hasLevel ? 2 : 0), given);
};

/**
 * Like `printk`, for a device. The argument before the device is a text that contains the level.
 */
const printsAt: StubBody = (kernel, [level = 0, dev = 0, format = 0, given = 0]) => {
  const [mark, number] = kernel.memory.textAt(level);
  return prints(mark === LEVEL_FOLLOWS ? Number(number) : USUAL_LEVEL)(kernel, [
    dev,
    format,
    given,
  ]);
};

const locks: StubBody = by("dmalab_lock", 0);
const unlocks: StubBody = by("dmalab_unlock", 0);
const nothing: StubBody = () => 0;

/**
 * All forms of a lock. Taking a lock only for reading does not count as holding it in the search
 * for deadlocks.
 */
function lockCalls(name: string, lock: StubBody, unlock: StubBody): Record<string, StubBody> {
  return {
    [`${name}_lock`]: lock,
    [`${name}_unlock`]: unlock,
    [`${name}_lock_bh`]: lock,
    [`${name}_unlock_bh`]: unlock,
    [`${name}_lock_irq`]: (kernel, args) => {
      restoreIrqs(kernel, 1);
      lock(kernel, args);
    },
    [`${name}_unlock_irq`]: (kernel, args) => {
      unlock(kernel, args);
      restoreIrqs(kernel, 0);
    },
    [`${name}_lock_irqsave`]: (kernel, args) => {
      const flags = Number(kernel.machine.context.irqsOff);
      restoreIrqs(kernel, 1);
      lock(kernel, args);
      return flags;
    },
    [`${name}_unlock_irqrestore`]: (kernel, [at = 0, flags = 0]) => {
      unlock(kernel, [at]);
      restoreIrqs(kernel, flags);
    },
  };
}

/** Defers work to process context. The work is identified by its structure in C. */
const defers: StubBody = (kernel, [at = 0, run = 0]) => {
  const { site } = kernel.machine.events.context;
  const runs = () => callOwn(kernel, "Work", at, site, run);
  return Number(kernel.part(CDeferred).post(workKey(at), runs, at));
};

/**
 * Allocates the interrupts of a device without MSI, and returns the first interrupt. If `most` is
 * 0, frees the interrupts.
 */
const lineIrq: StubBody = (kernel, [dev = 0, most = 0]) => {
  const { interrupts } = kernel.machine;
  const { name } = kernel.device(dev);
  if (most === 0) {
    const handled = interrupts.free(name);
    if (handled === null) return 0;
    throw kernel.crash(`irq ${handled} still has a handler when its vectors are freed`);
  }
  interrupts.alloc(name, Math.min(most >>> 0, functionOf(kernel, dev).vectors));
  return interrupts.numberOf(name, 0)!;
};

/** The tree's names for functions that have another name in the lab. */
const ALIASES: ReadonlyMap<string, StubBody> = new Map<string, StubBody>(Object.entries<StubBody>({
  __cond_resched: by("cpu_relax"),
  __kmalloc_noprof: by("kmalloc", 0, 1),
  __kmalloc_cache_noprof: by("kmalloc", 2, 1),
  __kmalloc_node_noprof: by("kmalloc", 0, 2),
  __kmalloc_cache_node_noprof: by("kmalloc", 3, 1),
  // Called by inline functions of the tree that first check whether the device needs a sync.
  __dma_sync_single_for_cpu: by("dma_sync_single_for_cpu", 0, 1, 2, 3),
  __dma_sync_single_for_device: by("dma_sync_single_for_device", 0, 1, 2, 3),
  __dma_sync_sg_for_cpu: by("dma_sync_sg_for_cpu", 0, 1, 2, 3),
  __dma_sync_sg_for_device: by("dma_sync_sg_for_device", 0, 1, 2, 3),
  __dma_need_sync: by("dma_need_sync", 0, 1),
  dma_pool_create_node: by("dma_pool_create", 0, 1, 2, 3, 4),
  __kmalloc_large_noprof: by("kmalloc", 0, 1),
  __kmalloc_large_node_noprof: by("kmalloc", 0, 1),
  krealloc_noprof: by("krealloc", 0, 1, 2),
  krealloc_node_align_noprof: by("krealloc", 0, 1, 3),
  // The argument for the flags is third from the end: a node and the caller follow it. The bucket
  // of the block may precede it.
  __kmalloc_node_track_caller_noprof: (kernel, args) =>
    runNamed("kmalloc", kernel, args[0] ?? 0, args.at(-3) ?? 0),
  // Since 7.2 an alignment precedes the flags; the node is last in all releases.
  __kvmalloc_node_noprof: (kernel, args) =>
    runNamed("kvmalloc", kernel, args[0] ?? 0, args.at(-2) ?? 0),
  __vmalloc_noprof: by("dmalab_vmalloc", 0, 1),
  kvfree_call_rcu: by("kvfree", 1),
  lab_cpu: (kernel) => kernel.machine.events.context.cpu,
  lab_bug: (kernel, [file = 0, line]) => {
    const what = `BUG() at ${kernel.memory.textAt(file)}:${line}`;
    throw kernel.crash(what, "EFAULT", kernel.place, kernel.part(CFailures).stubsBefore());
  },
  warn_slowpath_fmt: (kernel, [file = 0, line, _taint, format = 0, given = 0]) => {
    const said = format === 0 ? "" : `: ${formatMessage(kernel.memory, format, given).trimEnd()}`;
    const place = `${kernel.memory.textAt(file)}:${line}`;
    kernel.machine.warnings.warn("driver", `WARN() at ${place}${said}`);
  },
  mutex_is_locked: (kernel, [at = 0]) => Number(isLocked(kernel, at)),
  arch_local_save_flags: (kernel) => Number(kernel.machine.context.irqsOff),
  arch_local_irq_restore: (kernel, [flags = 0]) => restoreIrqs(kernel, flags),
  request_threaded_irq: by("dmalab_request_irq", 0, 1, 2, 3, 4, 5),
  devm_request_threaded_irq: by("dmalab_devm_irq", 0, 1, 2, 3, 4, 5, 6),
  devm_free_irq: (kernel, [dev = 0, irq = 0, cookie = 0]) =>
    freeManagedIrq(kernel, dev, irq, cookie),
  __devm_add_action: (kernel, [dev = 0, action = 0, data = 0]) =>
    noteAction(kernel, dev, action, data),
  lab_line_irq: lineIrq,
  lab_function: (kernel, [dev = 0, key = 0]) =>
    functionOf(kernel, dev).numbers.get(kernel.memory.textAt(key)) ?? -1,
  lab_property: (kernel, [dev = 0, index = 0, length = 0]) =>
    propertyOf(kernel, dev, index, length),
  lab_config: (kernel, [dev = 0, at = 0, sizeBytes = 0]) =>
    kernel.part(CContents).fill("config", dev, at, sizeBytes),
  lab_config_shown: (kernel, [at = 0, offset = 0, sizeBytes = 0]) =>
    kernel.part(CContents).add({ space: "config", at, sizeBytes, offset }),
  lab_firmware: (kernel, [dev = 0, head = 0, lengthAt = 0]) =>
    giveFirmware(kernel, dev, head, lengthAt),
  lab_no_property: (kernel, [name = 0, isNode = 0]) => {
    const text = kernel.memory.textAt(name);
    kernel.part(CFailures).propertyMissed(isNode === 0 ? text : `${text}/`);
  },
  lab_no_data: (kernel, [at = 0, name = 0]) =>
    kernel.part(CStubs).isNull(at, kernel.memory.textAt(name)),
  lab_bar_flags: (kernel, [dev = 0, bar = 0]) => barFlags(kernel, dev, bar),
  lab_alias: (kernel, [made = 0, dev = 0]) => kernel.alias(made, dev),
  lab_made: (kernel, [dev = 0, isOne = 0]) => {
    if (isOne === 0) kernel.made.delete(dev);
    else kernel.made.add(dev);
  },
  lab_of_kernel: (kernel, [isSo = 0]) => {
    kernel.heap.isOfKernel = isSo !== 0;
  },
  lab_note: (kernel, [dev = 0, action = 0, data = 0]) => addAction(kernel, dev, action, data),
  lab_release_until: (kernel, [dev = 0, action = 0, data = 0]) =>
    releaseUntil(kernel, dev, action, data),
  lab_forget: (kernel, [dev = 0, action = 0, data = 0]) =>
    Number(forgetAction(kernel, dev, action, data)),
  lab_nap: (kernel, [ns = 0]) => {
    pass(kernel, ns > Number.MAX_SAFE_INTEGER ? Infinity : kernel.machine.clock.nowNs + ns);
  },
  lab_page_taken: (kernel, [pool = 0, page = 0]) => kernel.part(CPagePools).taken(pool, page),
  lab_page_returned: (kernel, [page = 0]) => kernel.part(CPagePools).returned(page),
  lab_page_held: (kernel, [page = 0, holder = 0]) =>
    kernel.part(CPagePools).held(page, kernel.memory.textAt(holder)),
  lab_pool_of_page: (kernel, [page = 0]) => kernel.part(CPagePools).poolOf(page),
  lab_pool_destroyed: (kernel, [pool = 0]) => kernel.part(CPagePools).destroyed(pool),
  lab_pages_out: (kernel) => kernel.part(CPagePools).count,
  lab_pages_show: (kernel) => kernel.part(CPagePools).show(() => true),
  lab_defer: defers,
  lab_cancel: (kernel, [at = 0]) => Number(kernel.part(CDeferred).take(workKey(at)) !== null),
  lab_flush: (kernel, [at = 0]) => {
    const run = kernel.part(CDeferred).take(workKey(at));
    run?.();
    return Number(run !== null);
  },
  lab_arm: (kernel, [at = 0, expires = 0, run = 0]) =>
    Number(kernel.part(CTimers).arm(at, kernel.exact(expires, "time"), run)),
  lab_disarm: (kernel, [at = 0]) => Number(kernel.part(CTimers).disarm(at)),
  _printk: printk,
  _dev_printk: printsAt,
  sched_clock: (kernel) => kernel.machine.clock.nowNs,
  _dev_emerg: prints(0),
  _dev_alert: prints(1),
  _dev_crit: prints(2),
  _dev_err: prints(3),
  _dev_warn: prints(4),
  _dev_notice: prints(5),
  _dev_info: prints(6),
  netdev_err: prints(3),
  netdev_warn: prints(4),
  netdev_notice: prints(5),
  netdev_info: prints(6),
  ...lockCalls("_raw_spin", locks, unlocks),
  _raw_spin_trylock: by("dmalab_trylock", 0),
  ...lockCalls("_raw_write", locks, unlocks),
  ...lockCalls("_raw_read", nothing, nothing),
  // `dma_mapping_error()` calls this function for the kernel's own debugging. Therefore the call
  // shows that the driver has checked the mapping.
  debug_dma_mapping_error: by("dma_mapping_error", 0, 1),
  debug_dma_map_single: nothing,
  // Nothing to initialise: the first word of these structures is already zero.
  __mutex_init: nothing,
  mutex_init_generic: nothing,
  __init_swait_queue_head: nothing,
  mutex_destroy: nothing,
}));

/** @param flags 1 for interrupts off, as defined in the lab's headers for trees. */
function restoreIrqs(kernel: CKernel, flags: number): void {
  const { context } = kernel.machine;
  const areOff = Number(context.irqsOff);
  if (flags === areOff) return;
  if (flags === 1) context.disableIrqs();
  else runNamed("dmalab_irq_restore", kernel);
}

/** The WebAssembly type that the tree's code uses for a value with this type in the lab's table. */
function valueType({ wire }: CType): ValueType | null {
  return wire === "none" ? null : wire === "int" ? "i32" : "i64";
}

/**
 * The implementation of a function that a file of a tree calls.
 *
 * @throws {RefusedCode} If the tree's prototype differs from the lab's.
 */
export function treeFunction(
  imported: ImportedFunction,
  kernel: CKernel,
  { pointers, stubs }: Pick<OfTree, "pointers" | "stubs">,
): (...args: U64[]) => U64 {
  const { name, result } = imported;
  const own = runOf(imported);
  const isAnswered = typeof stubs !== "string" && stubs.has(name);
  if (own !== null && isAnswered) throw new RefusedCode(`The lab has ${name}()`, NO_STUB, null);
  const run = own ?? stubRun(name, stubs, pointers.has(name));
  const parameters = CALLS.get(name)?.prototype.parameters ?? [];
  const crossings = imported.parameters.map((_, index) =>
    parameters[index] !== undefined && isPointer(parameters[index].type) ? signed : unsigned
  );
  return function called(...args: U64[]) {
    kernel.enterHere(name, called);
    const given = args.map((value, index) => crossings[index]!(value));
    const returned = run(kernel, given) ?? 0;
    keepTicks(kernel);
    return result === "i64" ? BigInt(returned) : returned;
  };
}

/**
 * Converts a value as the lab's own headers do: `signed` is for pointers; `unsigned` is for other
 * values, and makes a large number of a value with all bits set.
 */
function signed(value: U64): number {
  return Number(value);
}

function unsigned(value: U64): number {
  return typeof value === "number" ? value : Number(BigInt.asUintN(64, value));
}

/**
 * Updates the tick counter that the driver reads. This is needed only at calls, because time
 * advances only during calls.
 */
export function keepTicks({ jiffiesAt, machine, memory }: CKernel): void {
  if (jiffiesAt === 0) return;
  memory.putWord(jiffiesAt, Math.floor(machine.clock.nowNs / NS_PER_JIFFY));
}

const NO_STUB = "remove its name from `stubs`";
/** Functions that search: as stubs they find nothing. */
const LOOKUP = /(?:^|_)(?:find|lookup)(?:_|$)/;
/** Number of calls after which a stub gives no further structure: a driver may take packets until there is none. */
const MOST_STRUCTS = 256;

/**
 * The stub for a function that is not found anywhere. The driver's setting `stubs` selects the
 * stub.
 */
function stubRun(name: string, stubs: Stubs, isPointer: boolean): StubBody {
  invariant(!name.startsWith("lab_"), `${name}() is declared for files of trees, and nowhere`);
  const answer = typeof stubs === "string" ? 0 : stubs.get(name);
  if (stubs === "refuse" || answer === undefined) {
    return (kernel) => {
      throw kernel.crash(`Calls ${name}(), which the lab does not have`);
    };
  }
  const isFilled = isPointer && stubs === "fill" && !LOOKUP.test(name);
  let isSaid = typeof stubs !== "string";
  return (kernel, args) => {
    const part = kernel.part(CStubs);
    const returned = isFilled && part.takes(name) <= MOST_STRUCTS ? part.struct(name) : answer;
    part.called(name, args, isPointer && returned === 0);
    if (!isSaid) {
      const what = isFilled ? "a zeroed structure" : isPointer ? "NULL" : "0";
      kernel.context.print(`info: ${name}() is a stub: returns ${what}`);
    }
    if (typeof stubs === "string") kernel.part(CFailures).stubRan(name);
    isSaid = true;
    return returned;
  };
}

/** Whether the lab has a function under the tree's name. */
export function hasTreeFunction(name: string): boolean {
  return ALIASES.has(name) || CALLS.has(name);
}

/**
 * Finds the lab's function that C calls by `name`. In the lab's headers and in the lab's files for
 * trees, a function `x` of the lab has the name `lab_x`.
 */
function callOf(name: string): CCall | undefined {
  // The lab's functions with this prefix have other arguments in the lab's own headers.
  if (name.startsWith("dmalab_")) return undefined;
  const own = name.startsWith("lab_") ? name.slice("lab_".length) : null;
  return own === null ? CALLS.get(name) : CALLS.get(own) ?? CALLS.get(`dmalab_${own}`);
}

/**
 * The lab's implementation of a function; null if the lab does not have the function.
 * @throws {RefusedCode}
 */
export function runOf({ name, parameters, result }: ImportedFunction): StubBody | null {
  const alias = ALIASES.get(name);
  if (alias !== undefined) return alias;
  const call = callOf(name);
  if (call === undefined) return null;
  const { prototype } = call;
  const ours = prototype.parameters.map(({ type }) => valueType(type));
  if (ours.join() === parameters.join() && valueType(prototype.result) === result) {
    return (kernel, args) => runNamed(prototype.name, kernel, ...args);
  }
  const written = prototype.parameters.map(({ type }) => type.text).join(", ");
  throw new RefusedCode(
    `${name}() of the tree is (${parameters.join(", ")}) -> ${result ?? "nothing"}, ` +
      `and the lab has ${prototype.result.text} ${name}(${written})`,
    KNOWN_TREES,
    null,
  );
}
