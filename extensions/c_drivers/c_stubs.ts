/**
 * What stubs have returned and have left unset: a driver that uses it fails later, and elsewhere. Who
 * reports that failure asks here which stub it follows from.
 */
import { spanPlace } from "@dmalab/lang";
import { IO_BASE, NULL_BYTES, SHADOW_AT } from "./c_addresses.ts";
import { CFailures } from "./c_failures.ts";
import type { CKernel } from "./c_kernel.ts";

/** A structure that a stub returns has so many bytes at most. */
const STRUCT_BYTES = 16 * 1024;
const WORD_BYTES = 8;
/** Code runs so many blocks at most from the read of a pointer to its use. */
const NEAR_BLOCKS = 32;

/** What gives a device what the driver of its parent does in a kernel. */
const DESCRIBED = "in a kernel the driver of its parent sets it: define " +
  "`void lab_describe(struct platform_device *)` in a file of `files`";

/** Something that a stub has not set, where the driver has read it. */
interface UnsetRead {
  readonly text: string;
  /** Its value: 0, or the value before. */
  readonly value: number;
  /** How many blocks of code had run. */
  readonly blocks: number;
}

export class CStubs {
  /** Structures that stubs have returned, by name. */
  readonly #structs = new Map<string, number>();
  /** Places that stubs were to fill, with the stub's name. */
  readonly #unset = new Map<number, string>();
  #lastRead: UnsetRead | null = null;
  /** Pointers of devices that were never set. */
  readonly #nulls = new Map<number, string>();
  /** The last of these that was read, or the last stub of a pointer that returned NULL, with the place. */
  #lastNull: string | null = null;

  constructor(readonly kernel: CKernel) {}

  /** Zeroed memory for the target of the pointer that a function returns. */
  struct(name: string): number {
    return this.#structs.getOrInsertComputed(name, () => {
      const at = this.kernel.room(STRUCT_BYTES);
      this.kernel.memory.watch(at, STRUCT_BYTES);
      return at;
    });
  }

  /** The driver frees a structure that a stub returned: a further call returns another one. */
  frees(at: number): boolean {
    const [name] = this.#structs.entries().find(([, start]) => start === at) ?? [];
    return name !== undefined && this.#structs.delete(name);
  }

  /** A stub returns. What its arguments point to and leads nowhere may be what it was to fill. */
  called(name: string, args: readonly number[], isNull: boolean): void {
    const { memory } = this.kernel;
    if (isNull) this.#lastNull = `${name}() is a stub and returned NULL${this.#place()}`;
    for (const at of args) {
      const isWord = at % WORD_BYTES === 0 && memory.isOpen(at, WORD_BYTES);
      if (!isWord || !this.#leadsNowhere(memory.wordAt(at))) continue;
      memory.watch(at, WORD_BYTES);
      this.#unset.set(at, `${name}()${this.#place()}`);
    }
  }

  /** A pointer of a device is not set. */
  isNull(at: number, name: string): void {
    this.kernel.memory.watch(at, WORD_BYTES);
    this.#nulls.set(at, name);
  }

  /** C accesses what is watched. */
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
    if (text !== null) this.#lastRead = { text, value, blocks: memory.blocksRun };
  }

  /** Nothing is there, and never was: 0, or what lay on the stack before. */
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
   * The stub that caused an access outside of memory, or a call of no function; "" if no stub
   * caused it.
   */
  cause(at: number): string {
    const { memory } = this.kernel;
    const last = this.#lastRead;
    const isBehind = last !== null && at >= last.value && at < last.value + NULL_BYTES;
    if (isBehind && memory.blocksRun - last.blocks <= NEAR_BLOCKS) {
      return `; the driver uses ${last.text}: give what it returns in \`stubs\`, or fill it in a file of \`files\``;
    }
    return this.#lastNull === null || at < 0 || at >= NULL_BYTES
      ? ""
      : `; before it, ${this.#lastNull}`;
  }

  #place(): string {
    const { span } = this.kernel.place;
    return span === null ? "" : ` at ${spanPlace(span)}`;
  }
}
