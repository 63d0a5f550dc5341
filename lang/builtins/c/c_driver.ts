/**
 * A driver in C on one machine: its memory, its data as they are at the beginning, and the calls of
 * its functions.
 */
import type { PhysAddr } from "../../../runtime/address.ts";
import { KernelError } from "../../../runtime/errno.ts";
import type { Machine } from "../../../runtime/machine.ts";
import { formatAddress, formatCount } from "../../text/numbers.ts";
import type { Run } from "../../values/run.ts";
import { LimitError, ScriptError } from "../../values/script_error.ts";
import { Quantity, type Value, Word } from "../../values/value.ts";
import { describeValue } from "../../values/operators.ts";
import { isThing } from "../arguments.ts";
import { BUFFER } from "../things/buffer.ts";
import { DEVICE } from "../things/device.ts";
import { COHERENT_MEMORY } from "../things/dma/coherent_memory.ts";
import { REGION } from "../things/region.ts";
import { C_CALLS, type CCall } from "./calls.ts";
import { IO_BASE } from "./c_addresses.ts";
import type { CCode } from "./c_code.ts";
import { CKernel, hex } from "./c_kernel.ts";
import { CMemory, MARK } from "./c_memory.ts";
import { type CPlace, CPlaces } from "./c_places.ts";
import type { Signature, ValueType } from "./wasm_reader.ts";
import type { LabDevice } from "../../../devices/lab.ts";
import { toDirection } from "../arguments.ts";

/** Turns of loops and calls of functions between two looks at the limits. */
const FUEL_TURNS = 4096;
/** What a turn is charged, in steps. */
const TURN_STEPS = 2;

type Exported = (...args: (number | bigint)[]) => number | bigint | undefined;

export class CDriver {
  readonly #code: CCode;
  readonly #machine: Machine;
  readonly #memory: CMemory;
  readonly #kernel: CKernel;
  readonly #functions: Readonly<Record<string, Exported>>;
  readonly #stackPointer: WebAssembly.Global;

  constructor(code: CCode, machine: Machine) {
    this.#code = code;
    this.#machine = machine;
    this.#memory = new CMemory(machine, code.shape.staticBytes);
    this.#kernel = new CKernel(machine, this.#memory, new CPlaces(code, this.#memory));
    const { exports } = new WebAssembly.Instance(code.module, this.#imports());
    this.#functions = exports as Record<string, Exported>;
    this.#stackPointer = exports["__stack_pointer"] as WebAssembly.Global;
    const { memory } = this.#memory;
    const below = this.#memory.shadowAt;
    this.#functions["dmalab_start"]!(BigInt(below), BigInt(below), FUEL_TURNS);
    this.#memory.cached?.reset();
    machine.budget.hold(memory.buffer.byteLength / GIVEN_PART);
  }

  #imports(): WebAssembly.Imports {
    const kernel = this.#kernel;
    const { cached } = this.#memory;
    const border: Record<string, WebAssembly.ImportValue> = {
      touch: (at: number, bytes: number, writes: number) => this.#touch(at, bytes, writes !== 0),
      burnt: () => {
        kernel.run.work(FUEL_TURNS * TURN_STEPS);
        return FUEL_TURNS;
      },
    };
    for (const call of C_CALLS) {
      const plain = importOf(call, kernel);
      border[call.prototype.name] = cached === null ? plain : (at: number, ...args: number[]) => {
        cached.give();
        const result = plain(at, ...args);
        // What the kernel has written for the driver, such as an address, it has written by the CPU.
        cached.give();
        cached.take();
        return result;
      };
    }
    return { env: { memory: this.#memory.memory }, dmalab: border };
  }

  /** Calls a function of the driver for a script. */
  call(run: Run, name: string, args: readonly Value[]): Value {
    const { parameters, result } = this.#code.shape.functions.get(name)!;
    const { context } = this.#machine.events;
    const kernel = this.#kernel;
    const { site } = context;
    const outer = kernel.run;
    kernel.run = run;
    const given = args.map((value, index) => this.#argument(value, parameters[index]!));
    const stackPointer = this.#stackPointer.value;
    this.#memory.cached?.take();
    try {
      return resultOf(this.#functions[name]!(...given), { parameters, result });
    } catch (error) {
      throw this.#explained(error);
    } finally {
      this.#stackPointer.value = stackPointer;
      this.#memory.cached?.give();
      context.site = site;
      kernel.run = outer;
    }
  }

  /** What C has for a value of the script. */
  #argument(value: Value, type: ValueType): number | bigint {
    const number = this.#numberOf(value);
    if (type !== "i64") return number;
    return BigInt(number);
  }

  #numberOf(value: Value): number {
    const kernel = this.#kernel;
    if (typeof value === "number") return value;
    if (value === null) return 0;
    if (typeof value === "boolean") return Number(value);
    if (value instanceof Quantity) return value.value;
    if (value instanceof Word) return toDirection(value);
    if (isThing<LabDevice>(value, DEVICE)) return kernel.pointerTo(value.target.dma);
    if (isThing(value, REGION)) {
      const { basePhys, sizeBytes, type } = value.target;
      return type === "mmio" ? IO_BASE + basePhys : kernel.lend(basePhys, sizeBytes);
    }
    if (isThing(value, COHERENT_MEMORY)) {
      const { memory } = value.target;
      const at = this.#memory.shareRow(memory.pages, memory.pageSizeBytes);
      this.#memory.open(at, memory.sizeBytes);
      return at;
    }
    if (isThing(value, BUFFER)) {
      const { segments } = value.target;
      const [only, second] = segments;
      if (only !== undefined && second === undefined) return kernel.lend(only.phys, only.sizeBytes);
      throw new ScriptError(
        "E0919",
        `Cannot give C a buffer in ${
          formatCount(segments.length, "piece")
        }: one pointer leads to ` +
          "one piece",
        "give it the pieces one by one, as `page(…)` or `buf.slice(…)`",
      );
    }
    throw new ScriptError(
      "E0911",
      `Cannot give C ${describeValue(value)}`,
      "C takes numbers, sizes, addresses, devices, buffers and regions",
    );
  }

  /** C is about to touch bytes that it may not touch, or that somebody wants to look at. */
  #touch(at: number, bytes: number, writes: boolean): void {
    const memory = this.#memory;
    const marked = at >= 0 && at < memory.shadowAt ? this.#worstMark(at, bytes) : MARK.CLOSED;
    if (marked >= MARK.CLOSED) {
      const { text } = this.#placeHere();
      throw new KernelError("EFAULT", this.#wildText(at, bytes, writes, text));
    }
    const phys = memory.physOf(at) as PhysAddr;
    const lent = this.#kernel.lent.find(phys, bytes, writes);
    if (lent === null && (writes || memory.cached === null)) return;
    const { context } = this.#machine.events;
    const { site } = context;
    const place = this.#placeHere();
    if (place.span !== null) context.site = this.#kernel.run.siteOf(place.span);
    if (lent !== null) {
      const first = Math.max(phys, lent.phys) as PhysAddr;
      this.#machine.checker?.cpu.touched(lent, first, bytes, writes, place.text);
    }
    if (!writes) memory.cached?.reads(phys, bytes);
    context.site = site;
  }

  /** Where in C it is just now. */
  #placeHere(): CPlace {
    return this.#kernel.places.fromStack(new Error().stack ?? "");
  }

  /** What stands against an access: the first mark of all its bytes that does. */
  #worstMark(at: number, bytes: number): number {
    const memory = this.#memory;
    let look = 0;
    for (let byte = at; byte < Math.min(at + bytes, memory.shadowAt); byte++) {
      const mark = memory.markAt(byte);
      if (mark >= MARK.CLOSED) return mark;
      look |= mark & MARK.LOOK;
      const open = mark & ~MARK.LOOK;
      if (open !== 0 && byte % 8 >= open) return MARK.BEHIND;
    }
    return look;
  }

  #wildText(at: number, bytes: number, writes: boolean, place: string): string {
    const does = `${writes ? "Writes" : "Reads"} ${formatCount(bytes, "byte")}`;
    const end = place === "" ? "" : ` (${place})`;
    if (at >= 0 && at < 4096) return `${does} at ${hex(at)}: a null pointer${end}`;
    const block = at < this.#memory.shadowAt ? this.#kernel.heap.find(at) : null;
    if (block === null) {
      if (at >= IO_BASE && at < 2 * IO_BASE) {
        return `${does} at a device's registers, which only readl() and its like reach${end}`;
      }
      return this.#memory.isPage(at)
        ? `${does} of a struct page, of which nothing is known inside${end}`
        : `${does} at ${hex(at)}, where the driver has no memory${end}`;
    }
    const { freedAt, phys, site, sizeBytes } = block;
    const offset = at - block.at;
    const taken = this.#placeText(site, "taken");
    const what = `a block of ${formatCount(sizeBytes, "byte")} at ${formatAddress(phys)}${taken}`;
    return freedAt !== null
      ? `${does} after the end of ${what}${this.#placeText(freedAt, "given back")}${end}`
      : `${does} ${
        offset - sizeBytes < 0 ? offset : offset - sizeBytes
      } bytes behind ${what}${end}`;
  }

  #placeText(site: number | null, did: string): string {
    const span = site === null ? null : this.#kernel.run.siteSpan(site);
    if (span === null) return "";
    const { column, line } = span.source.position(span.start);
    return `, ${did} at ${span.source.name}:${line}:${column}`;
  }

  /** What has stopped the driver, with its place. */
  #explained(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    if (error instanceof RangeError && /call stack/.test(error.message)) {
      const { text } = this.#kernel.places.fromStack(error.stack ?? "");
      return new LimitError("E0803", `Functions of C call each other too deep ${text}`);
    }
    const { text } = this.#kernel.places.fromStack(error.stack ?? "");
    if (error instanceof LimitError) {
      return new LimitError(error.code, `${error.message}, the last of them ${text}`, error.hint);
    }
    if (!(error instanceof WebAssembly.RuntimeError)) return error;
    return new KernelError("EFAULT", `${TRAPS[error.message] ?? error.message} (${text})`);
  }
}

/** Nobody touches all of the window: what is charged for it is a part. */
const GIVEN_PART = 64;

/** What the host says of a trap, in words of C. */
const TRAPS: Readonly<Record<string, string>> = {
  "divide by zero": "Divides by zero",
  "remainder by zero": "Divides by zero",
  "memory access out of bounds": "Touches memory where there is none",
  unreachable: "Comes to a place that cannot be reached, as undefined behaviour does",
};

/** A function of the kernel as the module imports it. */
function importOf(
  { prototype: { name }, run }: CCall,
  kernel: CKernel,
): (at: number, ...args: number[]) => number | void {
  return (at, ...args) => {
    kernel.enter(at, name);
    return run(kernel, args as [number, number, number, number, number, number, number]);
  };
}

/** What a script gets of what C returned. */
function resultOf(result: number | bigint | undefined, { result: type }: Signature): Value {
  if (result === undefined || type === null) return null;
  if (typeof result === "number") return result;
  return Number(BigInt.asIntN(64, result));
}
