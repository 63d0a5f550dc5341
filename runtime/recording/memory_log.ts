/** Who wrote which bytes of memory, and when: what no event says of the stores of a CPU. */
import type { PhysicalMemory } from "../memory/physical_memory.ts";
import type { PhysAddr } from "../address.ts";
import { FloatRows } from "./columns.ts";
import { PackedReader, PackedWriter } from "./packed_numbers.ts";

/** What wrote. */
export interface MemoryWriter {
  /** A CPU, a device, or the copy into or out of a bounce buffer. */
  readonly kind: "cpu" | "device" | "bounce";
  /** `CPU 0`, or the device's name. */
  readonly name: string;
}

/** Bytes that were written as one. */
export interface MemoryWrite {
  /** The number of the last event before it. */
  readonly seq: number;
  /** The statement that had started last, by its number. */
  readonly statement: number;
  readonly by: MemoryWriter;
  readonly phys: number;
  readonly sizeBytes: number;
  /** Its first bytes, as many as are kept. */
  readonly bytes: Uint8Array;
}

/** Bytes of one write that are kept, and of all. */
const MOST_BYTES = 256;
const MOST_ALL_BYTES = 32 * 1024;
/** Writes that are kept. */
const MOST_WRITES = 200_000;

/** What a write takes, before the bytes that are kept of it. */
const WRITE = { SEQ: 0, STATEMENT: 1, BY: 2, PHYS: 3, SIZE: 4, KEPT: 5, WIDTH: 6 };

/** The writes of a run, in their order. */
export class MemoryLog {
  count = 0;
  readonly #rows = new FloatRows(WRITE.WIDTH);
  readonly #writers: MemoryWriter[] = [];
  /** Where the bytes of each write begin. */
  readonly #starts: number[] = [];
  #bytes = new Uint8Array(0);
  #length = 0;

  /** Notes a write, and the bytes that memory has by then. */
  note(
    at: Pick<MemoryWrite, "seq" | "statement" | "by" | "phys" | "sizeBytes">,
    memory: Pick<PhysicalMemory, "read">,
  ): void {
    if (this.count >= MOST_WRITES) return;
    const kept = Math.min(at.sizeBytes, MOST_BYTES, MOST_ALL_BYTES - this.#length);
    const start = this.#length;
    this.#room(start + kept);
    memory.read(at.phys as PhysAddr, this.#bytes, start, kept);
    const { phys, seq, sizeBytes, statement } = at;
    this.#add([seq, statement, this.#writerOf(at.by), phys, sizeBytes, kept]);
  }

  /** A write, by its number, from 0. */
  write(index: number): MemoryWrite {
    const get = (field: number) => this.#rows.get(index, field);
    const start = this.#starts[index]!;
    return {
      seq: get(WRITE.SEQ),
      statement: get(WRITE.STATEMENT),
      by: this.#writers[get(WRITE.BY)]!,
      phys: get(WRITE.PHYS),
      sizeBytes: get(WRITE.SIZE),
      bytes: this.#bytes.subarray(start, start + get(WRITE.KEPT)),
    };
  }

  /** Bytes of host memory that it takes. */
  get hostBytes(): number {
    return this.#rows.hostBytes + this.#bytes.length + 8 * this.#starts.length;
  }

  /** As bytes. */
  pack(body: PackedWriter): void {
    body.json({ count: this.count, writers: this.#writers });
    for (let field = 0; field < WRITE.WIDTH; field++) {
      const numbers = new PackedWriter();
      for (let index = 0, last = 0; index < this.count; index++) {
        const value = this.#rows.get(index, field);
        numbers.number(value, last);
        last = value;
      }
      body.bytes(numbers.finish());
    }
    body.bytes(this.#bytes.subarray(0, this.#length));
  }

  /** Reads what was packed. */
  unpack(body: PackedReader): void {
    const { count, writers } = body.json() as { count: number; writers: MemoryWriter[] };
    this.#writers.push(...writers);
    const columns = Array.from({ length: WRITE.WIDTH }, () => new PackedReader(body.bytes()));
    let last = columns.map(() => 0);
    for (let index = 0; index < count; index++) {
      last = last.map((before, field) => columns[field]!.number(before));
      this.#add(last);
    }
    this.#bytes = body.bytes().slice();
  }

  #add(values: readonly number[]): void {
    const row = this.count++;
    this.#rows.reach(row);
    values.forEach((value, field) => this.#rows.set(row, field, value));
    this.#starts.push(this.#length);
    this.#length += values[WRITE.KEPT]!;
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
