/**
 * Tracks what stubs have returned and which values they have left unset. A driver that uses such a
 * value fails later, in another place. The report of that failure asks this class for the stub that
 * caused it.
 */
import { spanPlace } from "@dmalab/lang";
import { IO_BASE, NULL_BYTES, SHADOW_AT } from "./c_addresses.ts";
import { CFailures, NOT_THE_DRIVERS } from "./c_failures.ts";
import type { CKernel } from "./c_kernel.ts";

/** Size of a structure returned by a stub. */
const STRUCT_BYTES = 16 * 1024;
const WORD_BYTES = 8;
/** Largest number of blocks of code that run between reading a pointer and using it. */
const NEAR_BLOCKS = 32;
/** Largest number of unset values that a message names. */
const NAMED = 3;
/** Largest number of values that are kept after the driver has read them. */
const MOST_READS = 64;

/** Advice on how to set device data. In a kernel, the driver of the parent device sets such data. */
const DESCRIBED = "in a kernel the driver of its parent sets it: define " +
  "`void lab_describe(struct platform_device *)` in a file of `files`";

const FILL = "give what it returns in `stubs`, or fill it in a file of `files`";

/** A value that a stub has not set, at the time when the driver read it. */
interface UnsetRead {
  readonly text: string;
  /** The value read: 0, or the value that was there before. */
  readonly value: number;
  /** Number of blocks of code that had run when the driver read the value. */
  readonly blocks: number;
}

export class CStubs {
  /** Addresses of structures that stubs have returned, by the stub's name. */
  readonly #structs = new Map<string, number>();
  /** Number of calls of each stub that returns a structure. */
  readonly #calls = new Map<string, number>();
  /** Addresses of values that stubs should have set, with the stub's name. */
  readonly #unset = new Map<number, string>();
  #lastRead: UnsetRead | null = null;
  /** Values that the driver has read and no stub has set, with what they are. */
  readonly #reads = new Map<number, Set<string>>();
  /** Addresses of pointers in device structures that were never set. */
  readonly #nulls = new Map<number, string>();
  /**
   * The pointer in `#nulls` that was read last, or the stub that last returned a NULL pointer, with
   * the place.
   */
  #lastNull: string | null = null;

  constructor(readonly kernel: CKernel) {}

  /** Counts a call of a stub that returns a structure, and returns the number of its calls. */
  takes(name: string): number {
    const calls = (this.#calls.get(name) ?? 0) + 1;
    this.#calls.set(name, calls);
    return calls;
  }

  /** Returns zeroed memory, as the result of a stub that returns a pointer. */
  struct(name: string): number {
    return this.#structs.getOrInsertComputed(name, () => {
      const at = this.kernel.room(STRUCT_BYTES);
      this.kernel.memory.watch(at, STRUCT_BYTES);
      return at;
    });
  }

  /**
   * Notes that the driver frees a structure that a stub has returned. The next call of the stub
   * returns another structure.
   * @returns False if no stub has returned this structure.
   */
  frees(at: number): boolean {
    const [name] = this.#structs.entries().find(([, start]) => start === at) ?? [];
    return name !== undefined && this.#structs.delete(name);
  }

  /**
   * Notes the return of a stub. If an argument points to a word without a valid address, that word
   * may be an output that the stub should have set.
   */
  called(name: string, args: readonly number[], isNull: boolean): void {
    const { memory } = this.kernel;
    if (isNull) {
      this.#lastNull = `${name}() is a stub and returned NULL${this.#place()}: ${FILL}, ` +
        NOT_THE_DRIVERS;
    }
    for (const at of args) {
      this.#note(name, at);
      const isWord = at % WORD_BYTES === 0 && memory.isOpen(at, WORD_BYTES);
      if (!isWord || !this.#leadsNowhere(memory.wordAt(at))) continue;
      memory.watch(at, WORD_BYTES);
      this.#unset.set(at, `${name}()${this.#place()}`);
    }
  }

  /** Notes that a stub got a pointer into a block of memory: the function may keep the block, and free it later. */
  #note(name: string, at: number): void {
    const { heap, machine } = this.kernel;
    const block = heap.find(at);
    if (block === null || block.freedAt !== null) return;
    machine.memoryNotes.set(
      block.phys,
      `; the stub ${name}() got it, and the function may free it: define it in a file of \`files\`, ${NOT_THE_DRIVERS}`,
    );
  }

  /** Notes that a pointer in a device structure is not set. */
  isNull(at: number, name: string): void {
    this.kernel.memory.watch(at, WORD_BYTES);
    this.#nulls.set(at, name);
  }

  /** Called when C accesses watched bytes. */
  touched(at: number, bytes: number, writes: boolean): void {
    if (writes) {
      this.#unset.delete(at);
      this.#nulls.delete(at);
      return;
    }
    const { memory } = this.kernel;
    if (bytes !== WORD_BYTES) return;
    const name = this.#nulls.get(at);
    if (name !== undefined) {
      this.#lastNull = `${name} of the device was NULL${this.#place()}; ${DESCRIBED}`;
      this.kernel.part(CFailures).nullRead(`${name}, which is NULL: ${DESCRIBED}`);
    }
    const value = memory.wordAt(at);
    const text = this.#leadsNowhere(value) ? this.#unsetText(at) : null;
    if (text === null) return;
    this.#lastRead = { text, value, blocks: memory.blocksRun };
    if (this.#reads.size === MOST_READS && !this.#reads.has(value)) return;
    const texts = this.#reads.getOrInsertComputed(value, () => new Set());
    if (texts.size < NAMED) texts.add(text);
  }

  /** Whether a value was never a valid address: 0, or leftover stack content. */
  #leadsNowhere(value: number): boolean {
    const { heap, memory } = this.kernel;
    if (memory.isOpen(value, 1) || memory.isPage(value)) return false;
    const isRegister = value >= IO_BASE && value < 2 * IO_BASE;
    return !isRegister && (value >= SHADOW_AT || heap.find(value) === null);
  }

  #unsetText(at: number): string | null {
    const stub = this.#unset.get(at);
    if (stub !== undefined) return `what the stub ${stub} left unset`;
    for (const [name, start] of this.#structs) {
      if (at < start || at >= start + STRUCT_BYTES) continue;
      return `what the stub ${name}() left unset, at offset ${at - start} of what it returned`;
    }
    return null;
  }

  /**
   * The stub that caused an access to an invalid address, or a call of an invalid function pointer;
   * "" if no stub caused it.
   */
  cause(at: number): string {
    const { memory } = this.kernel;
    const [beyond] =
      [...this.#structs].find(([, start]) =>
        at >= start + STRUCT_BYTES && at < start + STRUCT_BYTES + NULL_BYTES
      ) ?? [];
    if (beyond !== undefined) {
      return `; it lies behind the ${
        STRUCT_BYTES / 1024
      } KiB that the stub ${beyond}() returned: ` +
        `${FILL}, ${NOT_THE_DRIVERS}`;
    }
    const last = this.#lastRead;
    const isBehind = last !== null && isNear(at, last.value);
    if (isBehind && memory.blocksRun - last.blocks <= NEAR_BLOCKS) {
      return `; the driver uses ${last.text}: ${FILL}, ${NOT_THE_DRIVERS}`;
    }
    const unset = [...this.#reads].find(([value]) => isNear(at, value))?.[1];
    const before = this.#lastNull === null || at < 0 || at >= NULL_BYTES
      ? ""
      : `; before it, ${this.#lastNull}`;
    if (unset === undefined) return before === "" ? this.#ranBefore(at) : before;
    const read = `the driver has read such a pointer from ${[...unset].join(" and ")}`;
    return this.kernel.machine.faults?.hasFired
      ? `${before}; apart from the call that failed, ${read}`
      : `${before}; ${read}: ${FILL}, ${NOT_THE_DRIVERS}`;
  }

  /** The stubs that ran in the call before a null pointer was used: they may have to set it. */
  #ranBefore(at: number): string {
    const isNull = at >= 0 && at < NULL_BYTES;
    if (!isNull || this.kernel.machine.faults?.hasFired) return "";
    return this.kernel.part(CFailures).stubsBefore();
  }

  /** The stub that has returned a structure with an address in it; "" for another address. */
  inStruct(at: number): string {
    const [name] =
      [...this.#structs].find(([, start]) => at >= start && at < start + STRUCT_BYTES) ??
        [];
    return name === undefined
      ? ""
      : `; it lies in what the stub ${name}() returned: ${FILL}, ${NOT_THE_DRIVERS}`;
  }

  #place(): string {
    const { span } = this.kernel.place;
    return span === null ? "" : ` at ${spanPlace(span)}`;
  }
}

/** Whether an access uses a pointer of this value. */
function isNear(at: number, value: number): boolean {
  return at >= value && at < value + NULL_BYTES;
}
