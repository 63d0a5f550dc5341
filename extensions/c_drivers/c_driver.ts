/**
 * A driver in C on one machine: its memory, with its data in their initial state, and the calls of
 * the driver's functions.
 */
import { stackText } from "@dmalab/lang/diagnostics";
import { spanPlace } from "@dmalab/lang";
import {
  addressDigits,
  type CallFrame,
  type DriverModule,
  invariant,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import {
  BUFFER,
  COHERENT_MEMORY,
  DEVICE,
  isHandle,
  REGION,
  REQUEST,
  toDirection,
  wideBits,
  wideValue,
} from "@dmalab/lang/builtins";
import { formatAddress, formatCount, formatSize } from "@dmalab/lang/text";
import {
  BytesValue,
  describeValue,
  EnumValue,
  type ExecutionContext,
  Handle,
  type HandleType,
  LimitError,
  Quantity,
  ScriptError,
  type Value,
} from "@dmalab/lang/values";
import { C_CALLS, type CCall } from "./calls.ts";
import {
  GRANULE_BYTES,
  IO_BASE,
  KERNEL_STACK_BYTES,
  NULL_BYTES,
  SHADOW_AT,
} from "./c_addresses.ts";
import { unmappedText } from "./calls/shared_memory.ts";
import type { CCode } from "./c_code.ts";
import { CFailures } from "./c_failures.ts";
import type { ReadableMemory } from "./c_values.ts";
import { CFrames } from "./c_frames.ts";
import { CKernel, hex } from "./c_kernel.ts";
import { isOfTree } from "./code_checks.ts";
import { keepTicks, treeFunction } from "./tree/kernel_abi.ts";
import { CMemory, MARK } from "./c_memory.ts";
import { CRequests } from "./c_requests.ts";
import { CStubs } from "./c_stubs.ts";
import { alongLines } from "./tree/along_text.ts";
import type { CompiledAlong } from "./tree/of_tree.ts";
import { CPlaces } from "./c_locations.ts";
import { searchedMachine } from "./search/searched_machine.ts";
import type { WasmSignature } from "./wasm/wasm_reader.ts";
import type { LabDevice } from "@dmalab/devices";

/** Number of blocks of code that run between two checks of the limits. */
const FUEL_BLOCKS = 4096;
/** Steps that are charged for a block. */
const BLOCK_STEPS = 2;

/** Prefix of the compiler's names for string literals. */
const STRING_LITERAL = ".str";

/**
 * Size of the compiler's record of a static variable: eight words. Only the first four words are
 * read here.
 */
const GLOBAL_BYTES = 64;

/** Functions that bind the driver to the device in their argument. */
const PROBES: ReadonlySet<string> = new Set(["probe", "probe_as", "load_with"]);
/**
 * Functions of a bus or module. A call of such a function can change which devices are bound, or whether the module is
 * loaded.
 */
const OF_BUS: ReadonlySet<string> = new Set([...PROBES, "remove", "load", "unload"]);

/** Tells sites at which the driver calls one of these functions. */
function kernelsSites(
  context: ExecutionContext,
  places: CPlaces,
  along: CompiledAlong | undefined,
): (site: number | null) => boolean {
  const files = new Set(along?.files);
  const known = new Map<number, boolean>();
  return (site) =>
    files.size > 0 && site !== null && known.getOrInsertComputed(site, () => {
      const span = context.siteSpan(site);
      // A function of a header that calls one of them is found on the stack.
      return span !== null && (along!.exported.has(span.source.text.slice(span.start, span.end)) ||
        places.isThrough(files));
    });
}

function deviceName(value: Value | undefined): string | null {
  return value !== undefined && isHandle<LabDevice>(value, DEVICE) ? value.target.name : null;
}

type Exported = (...args: (number | bigint)[]) => number | bigint | undefined;

/** A function of the driver, and the facts that a call of it needs. */
interface CalledFunction extends Pick<WasmSignature, "parameters" | "result"> {
  readonly exported: Exported;
  readonly isOfBus: boolean;
}

export class CDriver implements DriverModule {
  /** Names of the devices that the driver is bound to, or is probing. */
  readonly devices: string[] = [];
  loadedSeq: number | null = null;
  readonly #memory: CMemory;
  readonly #kernel: CKernel;
  readonly #functions: Readonly<Record<string, Exported>>;
  /** The functions that have been called, by their names. */
  readonly #called = new Map<string, CalledFunction>();
  readonly #stackPointer: WebAssembly.Global;
  /** The functions to which the driver may have pointers. */
  readonly #table: WebAssembly.Table | undefined;
  readonly #idleStack: bigint;
  /** Number of calls into the driver that have not returned. */
  #calls = 0;
  /** True after the driver's memory was given to the next machine. */
  #isRetired = false;
  /** The driver's call frames, if a debugger follows them. */
  readonly #frames: CFrames | null;
  readonly #callStack: () => readonly CallFrame[];
  /**
   * Errors to which a place was already added, because they were thrown in a function that was
   * called within another call.
   */
  readonly #explainedBefore = new WeakSet<Error>();
  /** Addresses of the compiler's descriptions of static variables. */
  readonly #globals: number[] = [];

  constructor(
    private readonly code: CCode,
    private readonly machine: Machine,
    context: ExecutionContext,
  ) {
    const { ofTree, shape: { staticBytes } } = code;
    const blockCount = code.checked.blocks.length;
    const spare = code.takeMemory();
    this.#memory = new CMemory(machine, staticBytes, blockCount, ofTree !== null, spare);
    const { debugHooks } = context;
    this.#frames = debugHooks === null ? null : new CFrames({
      lines: code.marked.lines,
      code,
      memory: this.#memory,
      readable: this.#readable(),
    }, debugHooks);
    const { search } = code;
    const usual = search?.options.isNoted === true ? code.noted : code.checked;
    const running = debugHooks === null ? usual : code.marked;
    const places = new CPlaces(code, running, this.#memory);
    this.#kernel = new CKernel(machine, this.#memory, places, code.ofTree?.device);
    this.#kernel.context = context;
    this.#kernel.watched = code;
    const architecture = ofTree?.architecture ?? null;
    if (architecture !== null) {
      context.print(
        `info: ${code.name} is compiled for ${architecture}, and runs on the lab's machine: 64 bits, little-endian`,
      );
    }
    this.#kernel.heap.isKernelsAt = kernelsSites(context, places, ofTree?.along);
    for (const line of alongLines(ofTree?.along)) context.print(`info: ${line}`);
    const callBack: CKernel["call"] = (at, args) => this.#callBack(at, args);
    this.#kernel.call = callBack;
    const callStack = () => places.stack(this.#kernel.context);
    this.#callStack = callStack;
    // The fuel is needed at once, because instantiating the module runs the linker's code that
    // clears the static data.
    this.#memory.fuel = FUEL_BLOCKS;
    if (search === null) code.coverage.arm(this.#memory.blocks);
    else search.begin(searchedMachine(this.#kernel));
    const { exports } = new WebAssembly.Instance(running.module, this.#imports());
    this.#functions = exports as Record<string, Exported>;
    const jiffies = exports["jiffies"] as WebAssembly.Global | undefined;
    this.#kernel.jiffiesAt = Number(jiffies?.value ?? 0);
    this.#stackPointer = exports["__stack_pointer"] as WebAssembly.Global;
    this.#idleStack = this.#stackPointer.value;
    this.#table = exports["__indirect_function_table"] as WebAssembly.Table | undefined;
    const { memory } = this.#memory;
    this.#inside(() => this.#functions["__wasm_call_ctors"]!());
    for (const { end, start } of code.shape.constants) this.#memory.protect(start, end);
    this.#memory.cached?.reset();
    machine.budget.hold(memory.buffer.byteLength / GIVEN_PART);
    machine.driverModules.push(this);
  }

  get isRunning(): boolean {
    return this.#calls > 0;
  }

  unbind(name: string): void {
    const { context } = this.#kernel;
    const device = context.lab.devices.get(name)!;
    this.call(context, "remove", [new Handle(DEVICE as HandleType, device)]);
  }

  retire(): void {
    invariant(!this.#isRetired, "The memory of a driver in C was given away twice");
    this.#isRetired = true;
    this.code.search?.end();
    this.code.giveMemory(() => this.#memory.cleared());
  }

  unload(): void {
    if (this.#functions["unload"] !== undefined) this.call(this.#kernel.context, "unload", []);
  }

  #imports(): WebAssembly.Imports {
    const kernel = this.#kernel;
    const border: Record<string, WebAssembly.ImportValue> = {
      touch: (at: number, bytes: number, writes: number) => this.#touch(at, bytes, writes !== 0),
      globals: (at: number, count: number) => this.#guardGlobals(at, count),
      passed: (block: number) => (this.code.search ?? this.code.coverage).pass(block),
      burnt: () => {
        kernel.context.work(FUEL_BLOCKS * BLOCK_STEPS);
        return this.#memory.refuel(FUEL_BLOCKS);
      },
      line: (line: number, stackAt: number) => this.#frames?.reached(line, stackAt),
      deep: () => {
        throw new LimitError("E0803", TOO_DEEP);
      },
      smashed: () => {
        const what = "Writes beyond its variables on the stack, which is seen when it returns";
        throw kernel.crash(what, "EFAULT", kernel.places.here());
      },
    };
    for (const call of C_CALLS) {
      border[call.prototype.name] = this.#cachedCall(importOf(call, kernel));
    }
    const env: Record<string, WebAssembly.ImportValue> = { memory: this.#memory.memory };
    for (const each of this.code.shape.imports.filter(isOfTree)) {
      env[each.name] = this.#cachedCall(treeFunction(each, kernel, this.code.ofTree!));
    }
    return { env, dmalab: border };
  }

  /** The memory that C may access, for a debugger. */
  #readable(): ReadableMemory {
    const memory = this.#memory;
    const problemAt = (at: number, bytes: number) =>
      memory.isInPages(at, bytes) || memory.isOpen(at, bytes) ? null : this.#whereText(at);
    return {
      problemAt,
      bitsAt(at, sizeBytes) {
        if (problemAt(at, sizeBytes) !== null) return null;
        const bytes = new Uint8Array(memory.memory.buffer, at, sizeBytes);
        return bytes.reduceRight((bits, byte) => (bits << 8n) + BigInt(byte), 0n);
      },
      textAt: (at, mostBytes) => memory.textAt(at, mostBytes),
      physOf: (at) => memory.physOf(at),
      functionAt: (pointer) => {
        const index = Number(this.#functionAt(pointer)?.name ?? NaN);
        return this.code.shape.bodies.find((body) => body.index === index)?.name ?? "";
      },
    };
  }

  /** A function by its pointer; null if the pointer is not that of a function. */
  #functionAt(at: number): Exported | null {
    const table = this.#table;
    const isIndex = Number.isInteger(at) && at >= 0 && at < Number(table?.length ?? 0);
    // The table has 64-bit indexes, which the TypeScript types do not know.
    const found = isIndex ? table?.get(BigInt(at) as bigint & number) as Exported | null : null;
    return typeof found === "function" ? found : null;
  }

  /** Wraps a kernel call: around it, the driver's own bytes are synchronised with the CPU's caches. */
  #cachedCall<A extends readonly unknown[], R>(plain: (...args: A) => R): (...args: A) => R {
    const { cached } = this.#memory;
    return cached === null ? plain : (...args) => {
      cached.give();
      const result = plain(...args);
      cached.take();
      return result;
    };
  }

  /** Calls a function of the driver for a script. */
  call(run: ExecutionContext, name: string, args: readonly Value[]): Value {
    invariant(!this.#isRetired, "A driver in C was called after its memory was given away");
    const { exported, isOfBus, parameters, result } = this.#called.get(name) ?? this.#find(name);
    const { context } = this.machine.events;
    const { cached } = this.#memory;
    const { site } = context;
    this.#kernel.context = run;
    const given: (number | bigint)[] = [];
    for (let index = 0; index < args.length; index++) {
      const value = args[index]!;
      const isWide = parameters[index] === "i64";
      if (typeof value !== "number" && isWide && value instanceof BytesValue) {
        given.push(this.#wideOf(value));
      } else if (isWide && value instanceof Quantity && value.kind === "dma") {
        given.push(BigInt(`0x${addressDigits(value.value)}`));
      } else {
        const number = typeof value === "number" ? value : this.#numberOf(value);
        given.push(isWide ? BigInt(number) : number);
      }
    }
    // The kernel has written data for the driver, such as a request. These writes count as writes
    // of the CPU.
    cached?.give();
    cached?.take();
    // Reading the stack pointer takes longer than the call. Therefore the stack pointer is read
    // only for a nested call.
    const isOutermost = this.#calls === 0;
    const stackBefore = isOutermost ? this.#idleStack : this.#stackPointer.value;
    const depth = this.#enter();
    keepTicks(this.#kernel);
    const failures = this.#kernel.part(CFailures);
    if (isOutermost) failures.begin();
    const device = isOfBus && PROBES.has(name) ? deviceName(args[0]) : null;
    if (device !== null) this.devices.push(device);
    let isBound = false;
    try {
      const returned = exported(...given);
      if (isOfBus) {
        isBound = Number(returned) === 0;
        this.#follow(name, args, isBound);
      }
      if (result === null) return null;
      if (isOutermost && result === "i32") failures.returned(name, Number(returned));
      return typeof returned === "bigint"
        ? wideValue(BigInt.asIntN(64, returned))
        : numberOf(returned!);
    } catch (error) {
      const explained = this.#explained(error);
      if (isOutermost && error instanceof LimitError) failures.stopped(name);
      else if (isOutermost && device !== null) failures.crashed(name);
      // After an error, the abandoned frames have not released their stack.
      this.#stackPointer.value = stackBefore;
      throw explained;
    } finally {
      if (device !== null && !isBound) this.devices.splice(this.devices.lastIndexOf(device), 1);
      this.#leave(depth);
      context.site = site;
    }
  }

  /**
   * Looks a function up at its first call, and keeps the result. Without this, the lookups by name
   * took a tenth of each call.
   */
  #find(name: string): CalledFunction {
    const { parameters, result } = this.code.shape.functions.get(name)!;
    const exported = this.#functions[name]!;
    const called = { exported, isOfBus: OF_BUS.has(name), parameters, result };
    this.#called.set(name, called);
    return called;
  }

  /** Notes what a call of a bus or module function has changed, such as a bound device. */
  #follow(name: string, args: readonly Value[], isZero: boolean): void {
    if ((name === "load" || name === "load_with") && isZero) {
      this.loadedSeq = this.machine.events.seq;
    } else if (name === "unload") this.loadedSeq = null;
    else if (name === "remove") {
      const index = this.devices.lastIndexOf(deviceName(args[0]) ?? "");
      if (index >= 0) this.devices.splice(index, 1);
    }
  }

  /** Calls a driver function by its pointer: within another call, or from the kernel. */
  #callBack(at: number, args: readonly (number | bigint)[]): number {
    this.#memory.cached?.take();
    return this.#inside(() => {
      const called = this.#functionAt(at);
      if (called === null) {
        const cause = this.#kernel.part(CStubs).cause(at);
        throw this.#kernel.crash(`Calls ${hex(at)}, which is not a function${cause}`);
      }
      return numberOf(called(...args) ?? 0);
    });
  }

  /** Runs code of the driver that the script has not called directly. */
  #inside<T>(run: () => T): T {
    const { value: stackBefore } = this.#stackPointer;
    const depth = this.#enter();
    try {
      return run();
    } catch (error) {
      const explained = this.#explained(error);
      this.#stackPointer.value = stackBefore;
      throw explained;
    } finally {
      this.#leave(depth);
    }
  }

  /** Notes the start of a call. @returns The value for `#leave`. */
  #enter(): number {
    this.#calls++;
    this.machine.callStack = this.#callStack;
    this.#kernel.locks.enter();
    this.#memory.enterCall();
    return this.#frames?.enter() ?? 0;
  }

  #leave(depth: number): void {
    this.#calls--;
    if (this.#calls === 0) this.machine.callStack = null;
    this.#frames?.leave(depth);
    this.#kernel.locks.leave();
    this.#memory.leaveCall();
    this.#memory.cached?.give();
  }

  /** A value of 64 bits that is not an exact int. */
  #wideOf({ bytes }: BytesValue): bigint {
    if (bytes.length === 8) return wideBits(bytes);
    throw new ScriptError("E0911", `Cannot pass to C ${formatCount(bytes.length, "byte")}`, TAKEN);
  }

  /** Converts a script's value to the value that C receives. */
  #numberOf(value: Value): number {
    const kernel = this.#kernel;
    if (value === null) return 0;
    if (typeof value === "boolean") return Number(value);
    if (value instanceof Quantity) return value.value;
    if (value instanceof EnumValue) return toDirection(value);
    if (isHandle<LabDevice>(value, DEVICE)) return kernel.pointerTo(value.target.dma);
    if (isHandle(value, REGION)) {
      const { basePhys, sizeBytes, type } = value.target;
      return type === "mmio" ? IO_BASE + basePhys : kernel.lend(basePhys, sizeBytes);
    }
    if (isHandle(value, REQUEST)) return kernel.part(CRequests).pointerTo(value.target);
    if (isHandle(value, COHERENT_MEMORY)) {
      const { memory } = value.target;
      const at = this.#memory.shareRow(memory.pages, memory.pageSizeBytes);
      this.#memory.open(at, memory.sizeBytes);
      return at;
    }
    if (isHandle(value, BUFFER)) {
      const { segments } = value.target;
      const [only, second] = segments;
      if (only !== undefined && second === undefined) return kernel.lend(only.phys, only.sizeBytes);
      throw new ScriptError(
        "E0919",
        `Cannot pass to C a buffer in ${
          formatCount(segments.length, "segment")
        }: a pointer refers to ` +
          "one segment",
        "pass the segments one by one, as `page(…)` or `buf.slice(…)`",
      );
    }
    throw new ScriptError("E0911", `Cannot pass to C ${describeValue(value)}`, TAKEN);
  }

  /**
   * Makes the gaps after static variables inaccessible. @param table Address of the compiler's
   * descriptions.
   */
  #guardGlobals(table: number, count: number): void {
    const memory = this.#memory;
    const { staticBytes } = this.code.shape;
    const isInside = (at: number, sizeBytes: number) => at >= 0 && at + sizeBytes <= staticBytes;
    if (!isInside(table, count * GLOBAL_BYTES)) return;
    this.#kernel.context.work(count);
    for (let index = 0; index < count; index++) {
      const entry = table + index * GLOBAL_BYTES;
      const start = memory.wordAt(entry);
      const roomBytes = memory.wordAt(entry + 16);
      if (!isInside(start, roomBytes) || start % GRANULE_BYTES !== 0) continue;
      this.#globals.push(entry);
      this.#kernel.context.work(roomBytes / GRANULE_BYTES);
      memory.guard(start, roomBytes);
      memory.open(start, memory.wordAt(entry + 8));
    }
  }

  /** Called before C accesses bytes that it may not access, or bytes with watched accesses. */
  #touch(at: number, bytes: number, writes: boolean): void {
    const memory = this.#memory;
    const kernel = this.#kernel;
    if (memory.isInPages(at, bytes)) {
      if (writes) memory.writtenInPages(at, bytes);
      return;
    }
    const marked = memory.worstMark(at, bytes);
    if (marked >= MARK.CLOSED) {
      const does = `${writes ? "Writes" : "Reads"} ${formatCount(bytes, "byte")}`;
      const cause = kernel.part(CStubs).cause(at);
      const place = kernel.places.here();
      throw kernel.crash(`${does} ${this.#whereText(at)}`, "EFAULT", place, cause);
    }
    if (writes && (marked & MARK.CONSTANT) !== 0) {
      const name = this.#globalAt(at);
      const what = name === null
        ? "a constant"
        : name.startsWith(STRING_LITERAL)
        ? "a string literal"
        : `${name}, which is a constant`;
      const does = `Writes ${formatCount(bytes, "byte")} into ${what}`;
      throw kernel.crash(does, "EFAULT", kernel.places.here());
    }
    if (writes && (marked & MARK.FRESH) !== 0) memory.fresh.write(at, bytes);
    if ((marked & MARK.LOOK) === 0) return;
    kernel.part(CStubs).touched(at, bytes, writes);
    if (!writes) this.code.search?.readMemory(at, bytes, memory.view);
    const phys = memory.physOf(at) as PhysAddr;
    const { lent: book } = kernel;
    const lent = book.find(phys, bytes, writes);
    // Finding the place takes long, and most accesses need none.
    const isCopied = lent === null && writes && book.isCopied(phys, bytes);
    if (lent === null && !isCopied && (writes || memory.cached === null)) return;
    const { context } = this.machine.events;
    const { site } = context;
    const place = kernel.places.here();
    if (place.span !== null) context.site = kernel.context.siteOf(place.span);
    if (lent !== null) {
      const first = Math.max(phys, lent.phys) as PhysAddr;
      this.machine.checker?.cpu.touched(lent, first, bytes, writes, place.text);
    } else if (isCopied) this.machine.checker?.memory.written([{ phys, sizeBytes: bytes }]);
    if (!writes) memory.cached?.reads(phys, bytes);
    context.site = site;
  }

  /** Describes an address that C may not access. */
  #whereText(at: number): string {
    if (at >= 0 && at < NULL_BYTES) return `at ${hex(at)}: a null pointer`;
    const block = at < SHADOW_AT ? this.#kernel.heap.find(at) : null;
    if (block === null) {
      const known = this.#kernel.part(CRequests).endedText(at) ??
        unmappedText(this.#kernel, at) ?? this.#globalBefore(at);
      if (known !== null) return known;
      if (at >= IO_BASE && at < 2 * IO_BASE) {
        return "at a device's registers: use readl(), writel() and their like";
      }
      return this.#memory.isPage(at)
        ? "of a struct page, which is opaque"
        : `at ${hex(at)}, where the driver has no memory`;
    }
    const { freedAt, phys, site, sizeBytes } = block;
    const offset = at - block.at;
    const taken = this.#placeText(site, "allocated");
    const what = `a block of ${formatCount(sizeBytes, "byte")} at ${formatAddress(phys)}${taken}`;
    return freedAt !== null
      ? `after the free of ${what}${this.#placeText(freedAt, "freed")}`
      : `${offset - sizeBytes < 0 ? offset : offset - sizeBytes} bytes past ${what}`;
  }

  /** The static variable that contains an address; null if none does. */
  #globalAt(at: number): string | null {
    const memory = this.#memory;
    const entry = this.#globals.find((entry) => {
      const start = memory.wordAt(entry);
      return at >= start && at < start + memory.wordAt(entry + 8);
    });
    const name = entry === undefined ? "" : memory.textAt(memory.wordAt(entry + 24));
    return name === "" || /\bdmalab_/.test(name) ? null : name;
  }

  /** The static variable that ends before an address; null without one. */
  #globalBefore(at: number): string | null {
    const memory = this.#memory;
    for (const entry of this.#globals) {
      const start = memory.wordAt(entry);
      const sizeBytes = memory.wordAt(entry + 8);
      if (at < start + sizeBytes || at >= start + memory.wordAt(entry + 16)) continue;
      const name = memory.textAt(memory.wordAt(entry + 24));
      return `${at - start - sizeBytes} bytes past ${name}, which has ${
        formatCount(sizeBytes, "byte")
      }`;
    }
    return null;
  }

  #placeText(site: number | null, did: string): string {
    const span = site === null ? null : this.#kernel.context.siteSpan(site);
    return span === null ? "" : `, ${did} at ${spanPlace(span)}`;
  }

  /** Adds the place in C to an error that stopped the driver. */
  #explained(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    const found = this.#kernel.places.fromStack(stackText(error));
    // Deep in a kernel call, the host's stack trace no longer contains C frames.
    const place = found.text === "" ? this.#kernel.place : found;
    const { text } = place;
    // Functions without a stack frame in C's memory overflow only the host's own stack.
    if (isHostStackFull(error)) return new LimitError("E0803", `${TOO_DEEP}, ${text}`);
    if (error instanceof LimitError) {
      if (this.#explainedBefore.has(error)) return error;
      const placed = new LimitError(error.code, `${error.message}, ${text}`, error.hint);
      this.#explainedBefore.add(placed);
      return placed;
    }
    if (error instanceof TypeError && error.message.startsWith(OTHER_TYPE)) {
      return this.#kernel.crash("Calls a function as one of another type", "EFAULT", place);
    }
    if (!(error instanceof WebAssembly.RuntimeError)) return error;
    const what = TRAPS[error.message] ?? error.message;
    const cause = what === NO_FUNCTION ? this.#kernel.part(CStubs).cause(0) : "";
    return this.#kernel.crash(what, "EFAULT", place, cause);
  }
}

const TAKEN =
  "C takes numbers, 64 bits as 8 bytes, sizes, addresses, devices, buffers, regions and requests";

/**
 * The size of C's memory divided by this number is charged to the machine's budget of memory,
 * because no driver accesses all of the memory.
 */
const GIVEN_PART = 64;

const TOO_DEEP = `Calls of C functions exceed the kernel stack of ${
  formatSize(KERNEL_STACK_BYTES)
}`;

function isHostStackFull(error: Error): boolean {
  return error instanceof RangeError && error.message === "Maximum call stack size exceeded";
}

/** Start of the host's message if an argument has another type than the function's parameter. */
const OTHER_TYPE = "Cannot convert ";

/**
 * The message for a call through a null pointer, or through a pointer to anything but a function of
 * the expected type. A driver's table of functions, for example, has a null pointer in each entry
 * that the driver never set.
 */
const NO_FUNCTION = "Calls a null pointer, or what is not a function of that type";

/** The host's messages for traps, and their meaning in C. */
const TRAPS: Readonly<Record<string, string>> = {
  "null function or function signature mismatch": NO_FUNCTION,
  "divide by zero": "Divides by zero",
  "remainder by zero": "Divides by zero",
  "memory access out of bounds": "Accesses an address without memory",
  unreachable: "Reaches unreachable code, as undefined behaviour does",
};

/** Makes an import of the module from a function of the kernel. */
function importOf(
  { as, prototype, run }: CCall,
  kernel: CKernel,
): (at: number, ...args: number[]) => number | void {
  const name = as ?? prototype.name;
  return (at, ...args) => {
    kernel.enter(at, name);
    return run(kernel, args as [number, number, number, number, number, number, number]);
  };
}

/** The number for a value that C returned; 64 bits are read as signed. */
function numberOf(returned: number | bigint): number {
  return typeof returned === "number" ? returned : Number(BigInt.asIntN(64, returned));
}
