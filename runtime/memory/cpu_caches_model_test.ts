/** Compares the CPU's caches with a plain model: lines in a map, byte by byte (dma.md 2.1, 2.2). */
import { assertEquals } from "@std/assert";
import { GIB, type PhysAddr } from "../address.ts";
import { Random } from "../random.ts";
import type { CacheHazard } from "./cached_page.ts";
import { CpuCaches } from "./cpu_caches.ts";
import { layOutMemory } from "./layout.ts";
import { PhysicalMemory } from "./physical_memory.ts";

const LINE = 64;
const PAGE = 4096;
const FIRST = 0x20_1000;
const BYTES = 3 * PAGE;
const APART = { name: "ssd", coherent: false };
const COHERENT = { name: "nic", coherent: true };

interface Line {
  readonly bytes: Uint8Array;
  dirty: boolean;
  overwritten: boolean;
}

/** Addresses count from `FIRST`. */
class Model {
  readonly memory = new Uint8Array(BYTES);
  readonly lines = new Map<number, Line>();
  readonly uncached = new Set<number>();
  /** Device-owned lines. */
  readonly given = new Set<number>();
  hazards: string[] = [];
  /** Lines with a hazard in one operation, by the kind of hazard. */
  readonly #found = new Map<string, number[]>();

  linesOf(at: number, size: number): number[] {
    const first = Math.floor(at / LINE);
    return Array.from(
      { length: Math.ceil((at + size) / LINE) - first },
      (_, index) => first + index,
    );
  }

  #note(kind: string, line: number): void {
    this.#found.set(kind, [...this.#found.get(kind) ?? [], line]);
  }

  /** Ends an operation, and reports the operation's hazards in the order of `kinds`. */
  tell(...kinds: readonly string[]): void {
    for (const kind of kinds) {
      const lines = this.#found.get(kind);
      if (lines !== undefined) this.hazards.push(`${kind} ${lines[0]! * LINE} ${lines.length}`);
    }
    this.#found.clear();
  }

  #memoryOf(line: number): Uint8Array {
    return this.memory.subarray(line * LINE, (line + 1) * LINE);
  }

  #hold(line: number): Line {
    const held = this.lines.get(line) ??
      { bytes: this.#memoryOf(line).slice(), dirty: false, overwritten: false };
    this.lines.set(line, held);
    return held;
  }

  #isUncached(line: number): boolean {
    return this.uncached.has(Math.floor(line * LINE / PAGE));
  }

  read(at: number, size: number, notes: boolean): number[] {
    for (const line of this.linesOf(at, size)) {
      const held = this.lines.get(line);
      if (notes && held?.overwritten && this.#differs(line, at, size)) {
        this.#note("stale_cacheline_read", line);
      }
    }
    this.tell("stale_cacheline_read");
    return Array.from({ length: size }, (_, index) => {
      const byte = at + index;
      return this.lines.get(Math.floor(byte / LINE))?.bytes[byte % LINE] ?? this.memory[byte]!;
    });
  }

  /** Whether a line's bytes in a span differ from memory. */
  #differs(line: number, at = 0, size = BYTES): boolean {
    const bytes = this.lines.get(line)!.bytes;
    return bytes.some((byte, index) => {
      const place = line * LINE + index;
      return place >= at && place < at + size && byte !== this.memory[place];
    });
  }

  cpuWrites(at: number, bytes: readonly number[]): void {
    for (const line of this.linesOf(at, bytes.length)) {
      const first = Math.max(at, line * LINE);
      const end = Math.min(at + bytes.length, (line + 1) * LINE);
      const uncached = this.#isUncached(line);
      const held = uncached ? null : this.#hold(line);
      const into = held?.bytes ?? this.#memoryOf(line);
      for (let byte = first; byte < end; byte++) into[byte % LINE] = bytes[byte - at]!;
      if (held === null) continue;
      held.dirty = true;
      if (end - first === LINE) held.overwritten = false;
    }
  }

  deviceReads(at: number, size: number): number[] {
    for (const line of this.linesOf(at, size)) {
      if (this.lines.get(line)?.dirty && this.#differs(line, at, size)) {
        this.#note("stale_memory_read", line);
      }
    }
    this.tell("stale_memory_read");
    return [...this.memory.subarray(at, at + size)];
  }

  deviceWrites(at: number, bytes: readonly number[]): void {
    for (const line of this.linesOf(at, bytes.length)) {
      if (!this.#isUncached(line)) this.#hold(line).overwritten = true;
    }
    this.memory.set(bytes, at);
  }

  #writeBack(line: number): void {
    const held = this.lines.get(line)!;
    if (held.overwritten && this.#differs(line)) this.#note("device_write_lost", line);
    this.memory.set(held.bytes, line * LINE);
    this.lines.delete(line);
  }

  giveWay(at: number, size: number): void {
    for (const line of this.linesOf(at, size)) {
      if (this.lines.get(line)?.dirty) this.#writeBack(line);
      this.lines.delete(line);
    }
    this.tell("device_write_lost");
  }

  clean(at: number, size: number): void {
    for (const line of this.linesOf(at, size)) {
      if (this.lines.get(line)?.dirty) this.#writeBack(line);
      this.given.add(line);
    }
    this.tell("device_write_lost");
  }

  invalidate(at: number, size: number): void {
    for (const line of this.linesOf(at, size)) {
      this.given.delete(line);
      if (this.lines.get(line)?.dirty) {
        const whole = line * LINE >= at && (line + 1) * LINE <= at + size;
        if (!whole) this.#writeBack(line);
        else if (this.#differs(line)) this.#note("dirty_cacheline_lost", line);
      }
      this.lines.delete(line);
    }
    this.tell("dirty_cacheline_lost", "device_write_lost");
  }

  get states(): string[] {
    return this.linesOf(0, BYTES).map((line) => {
      const { dirty = false, overwritten = false } = this.lines.get(line) ?? {};
      const state = dirty ? overwritten ? "conflict" : "dirty" : overwritten ? "stale" : "clean";
      return `${this.given.has(line) ? "device" : "cpu"} ${state}`;
    });
  }
}

Deno.test("any sequence of accesses and maintenance ends as a plain map of lines has it", () => {
  for (let seed = 1; seed <= 3; seed++) {
    const random = new Random(seed);
    const memory = new PhysicalMemory(
      layOutMemory({ ramSizeBytes: GIB, windows: [], regions: [] }),
    );
    const heard: CacheHazard[] = [];
    const caches = new CpuCaches(memory, { site: null }, (hazard) => heard.push(hazard));
    const model = new Model();
    const changed = caches.follow();
    let followed: readonly string[] | null = null;
    const phys = (at: number) => FIRST + at as PhysAddr;
    for (let step = 0; step < 120; step++) {
      // Sizes at the borders of lines and pages, and others.
      const size = [1, 7, LINE, LINE + 1, 200, PAGE, PAGE + 90][random.below(7)]!;
      const near = random.below(2) === 0 ? LINE * random.below(BYTES / LINE) : random.below(BYTES);
      const at = Math.min(Math.max(0, near - random.below(3)), BYTES - size);
      const bytes = Uint8Array.from({ length: size }, () => random.below(4));
      const read = new Uint8Array(size + 2);
      let expected: number[] | null = null;
      switch (random.below(11)) {
        case 0:
          caches.write(phys(at), Uint8Array.of(9, ...bytes), 1, size);
          model.cpuWrites(at, [...bytes]);
          break;
        case 1:
          caches.fill(phys(at), size, bytes[0]!);
          model.cpuWrites(at, new Array(size).fill(bytes[0]));
          break;
        case 2: {
          const to = random.below(BYTES - size + 1);
          if (Math.abs(to - at) < size) break;
          caches.copy(phys(at), phys(to), size);
          for (let done = 0; done < size; done += PAGE) {
            const count = Math.min(PAGE, size - done);
            model.cpuWrites(to + done, model.read(at + done, count, true));
          }
          break;
        }
        case 3:
          caches.read(phys(at), read, 2, size);
          expected = model.read(at, size, true);
          break;
        case 4:
          caches.look(phys(at), read, 2, size);
          expected = model.read(at, size, false);
          break;
        case 5:
          caches.deviceRead(APART, phys(at), read, 2, size);
          expected = model.deviceReads(at, size);
          break;
        case 6:
          caches.deviceRead(COHERENT, phys(at), read, 2, size);
          expected = model.read(at, size, false);
          break;
        case 7:
          caches.deviceWrite(APART, phys(at), Uint8Array.of(9, ...bytes), 1, size);
          model.deviceWrites(at, [...bytes]);
          break;
        case 8:
          caches.deviceWrite(COHERENT, phys(at), Uint8Array.of(9, ...bytes), 1, size);
          model.giveWay(at, size);
          model.memory.set(bytes, at);
          break;
        case 9:
          caches.clean(phys(at), size);
          model.clean(at, size);
          break;
        default:
          caches.invalidate(phys(at), size);
          model.invalidate(at, size);
      }
      if (step % 100 === 50) {
        caches.makeUncached(phys(PAGE), PAGE);
        model.giveWay(PAGE, PAGE);
        model.uncached.add(1);
      } else if (step % 100 === 80) {
        caches.makeCached(phys(PAGE), PAGE);
        model.uncached.clear();
      } else if (step % 100 === 90) {
        caches.fillMemory(phys(at), size, 3);
        model.giveWay(at, size);
        model.memory.fill(3, at, at + size);
      }
      const says = `seed ${seed}, step ${step}`;
      // Pages that are not in the set of changed pages must be unchanged.
      const seen = Array.from({ length: BYTES / PAGE }, (_, page) => {
        const bytes = new Uint8Array(PAGE);
        caches.look(phys(page * PAGE), bytes, 0, PAGE);
        return `${bytes} ${caches.oldLinesIn(phys(page * PAGE))}`;
      });
      const differs = seen.map((text, page) => text !== followed?.[page] ? FIRST / PAGE + page : 0);
      const missed = differs.filter((page) => page > 0 && !changed.has(page));
      if (followed !== null) assertEquals(missed, [], says);
      followed = seen;
      changed.clear();
      if (expected !== null) assertEquals(read.join(), [0, 0, ...expected].join(), says);
      const held = new Uint8Array(BYTES);
      memory.read(phys(0), held, 0, BYTES);
      assertEquals(held.findIndex((byte, at) => byte !== model.memory[at]), -1, says);
      const lines = caches.linesOf(phys(0), BYTES);
      const states = lines.map(({ owner, state }) => `${owner} ${state}`);
      assertEquals(states.join(), model.states.join(), says);
      const reported = heard.map(({ kind, lines, phys }) => `${kind} ${phys - FIRST} ${lines}`);
      assertEquals(reported.join(), model.hazards.join(), says);
    }
  }
});
