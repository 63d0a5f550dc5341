/** Writes to memory with their writers and times, including a CPU's stores, which emit no event. */
import { addAll } from "../lists.ts";
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { PhysAddr } from "../address.ts";
import { invariant } from "../errno.ts";
import { FloatRows, WholeRows } from "./columns.ts";
import { PackedReader, PackedWriter } from "./packed_numbers.ts";

/** What wrote. */
export interface MemoryWriter {
  /** A CPU, a device, or the copy into or out of a bounce buffer. */
  readonly kind: "cpu" | "device" | "bounce";
  /** `CPU 0`, or the device's name. */
  readonly name: string;
}

/** Bytes that were written together. */
export interface MemoryWrite {
  /** The number of the last event before the write. */
  readonly seq: number;
  /** The number of the statement that had started last. */
  readonly statement: number;
  readonly by: MemoryWriter;
  readonly phys: number;
  readonly sizeBytes: number;
  /** The first bytes of the write, as many as are stored. */
  readonly bytes: Uint8Array;
}

/** Largest number of bytes that are stored of one write, and of all writes together. */
const MAX_BYTES = 256;
const MAX_TOTAL_BYTES = 32 * 1024;
const MAX_WRITES = 200_000;

/** The columns of a write. The stored bytes of a write end at the start of the next write's bytes. */
const WRITE = { SEQ: 0, STATEMENT: 1, BY: 2, SIZE: 3, START: 4, WIDTH: 5 };

/** The writes of a run, in order. */
export class MemoryLog {
  count = 0;
  readonly #numbers = new WholeRows(WRITE.WIDTH);
  readonly #addresses = new FloatRows(1);
  readonly #writers: MemoryWriter[] = [];
  #bytes = new Uint8Array(0);
  #length = 0;

  /** True when no more writes are stored. */
  get isFull(): boolean {
    return this.count >= MAX_WRITES;
  }

  /** Stores a write, with the bytes that memory now contains. */
  note(
    { by, phys, seq, sizeBytes, statement }: Omit<MemoryWrite, "bytes">,
    memory: Pick<PhysicalMemory, "read">,
  ): void {
    if (this.isFull) return;
    const start = this.#length;
    const kept = Math.min(sizeBytes, MAX_BYTES, MAX_TOTAL_BYTES - start);
    if (kept > 0) {
      this.#room(start + kept);
      memory.read(phys as PhysAddr, this.#bytes, start, kept);
      this.#length += kept;
    }
    this.#add([seq, statement, this.#writerOf(by), sizeBytes, start], phys);
  }

  write(index: number): MemoryWrite {
    invariant(index >= 0 && index < this.count, "A write is read that was not noted");
    const get = (field: number) => this.#numbers.get(index, field);
    const end = index + 1 < this.count ? this.#numbers.get(index + 1, WRITE.START) : this.#length;
    return {
      seq: get(WRITE.SEQ),
      statement: get(WRITE.STATEMENT),
      by: this.#writers[get(WRITE.BY)]!,
      phys: this.#addresses.get(index, 0),
      sizeBytes: get(WRITE.SIZE),
      bytes: this.#bytes.subarray(get(WRITE.START), end),
    };
  }

  get hostBytes(): number {
    return this.#numbers.hostBytes + this.#addresses.hostBytes + this.#bytes.length;
  }

  /** Writes everything. */
  pack(body: PackedWriter): void {
    body.json({ count: this.count, writers: this.#writers });
    for (let field = 0; field <= WRITE.WIDTH; field++) {
      const column = new PackedWriter();
      for (let index = 0, last = 0; index < this.count; index++) {
        const value = field < WRITE.WIDTH
          ? this.#numbers.get(index, field)
          : this.#addresses.get(index, 0);
        column.number(value, last);
        last = value;
      }
      body.bytes(column.finish());
    }
    body.bytes(this.#bytes.subarray(0, this.#length));
  }

  /** Reads the packed form. */
  unpack(body: PackedReader): void {
    const { count, writers } = body.json() as { count: number; writers: MemoryWriter[] };
    addAll(this.#writers, writers);
    const columns = Array.from({ length: WRITE.WIDTH + 1 }, () => new PackedReader(body.bytes()));
    let last = columns.map(() => 0);
    for (let index = 0; index < count; index++) {
      last = last.map((before, field) => columns[field]!.number(before));
      this.#add(last, last[WRITE.WIDTH]!);
    }
    this.#bytes = body.bytes().slice();
    this.#length = this.#bytes.length;
  }

  #add(numbers: readonly number[], phys: number): void {
    const row = this.count++;
    this.#numbers.reach(row);
    for (let field = 0; field < WRITE.WIDTH; field++) {
      this.#numbers.set(row, field, numbers[field]!);
    }
    this.#addresses.reach(row);
    this.#addresses.set(row, 0, phys);
  }

  #writerOf({ kind, name }: MemoryWriter): number {
    const known = this.#writers.findIndex((each) => each.kind === kind && each.name === name);
    return known >= 0 ? known : this.#writers.push({ kind, name }) - 1;
  }

  #room(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
