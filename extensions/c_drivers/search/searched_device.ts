/** A device during a try of the search: it answers reads by rules, and keeps what the driver does with the values. */
import type { Bar } from "@dmalab/devices";
import { LimitError } from "@dmalab/lang/values";
import { MAX_NOTES, NOTE_BYTES, NOTES_AT, NOTES_LEFT_AT } from "../c_addresses.ts";
import { type Content, type ContentSpace, RegisterState, type Rules, type Work } from "./rules.ts";

/** Number of notes after a read with something new, and after another read. */
const NOTES_NEW = MAX_NOTES;
const NOTES_SAME = 16;
/** Largest number of notes that a try keeps. */
const MOST_NOTES = 30_000;
/**
 * Number of reads in a row without anything new after which a try ends, because the driver polls. With writes
 * among them, it is the second number, since a serial bus toggles the same bits for long.
 */
const POLLS = 60;
const POLLS_WRITING = 4000;
/** The same numbers times this one apply to a try that is patient. */
const PATIENCE = 50;
/** Largest size of an access to memory whose words are followed. */
const MOST_MEMORY_BYTES = 64;
const WORDS_PER_NOTE = NOTE_BYTES / 4;
const ALL_ONES = 2 ** 32 - 1;

/** Added to the address of a word that the driver reads from memory that the device may write, and to offsets of contents. */
const MEMORY_AT = 2 ** 50;
const CONTENT_AT: Readonly<Record<ContentSpace, number>> = {
  config: 2 ** 51,
  firmware: 2 ** 51 + 2 ** 32,
};

/** A place in configuration space or in firmware. */
interface WordPlace {
  readonly space: ContentSpace;
  readonly offset: number;
}

/** A read or a write of a register, or a read of memory that the device may write. */
export interface TriedAccess {
  /** Address of the register. For memory, see `dma`. */
  readonly phys: number;
  /** The address of memory for the device; null for a register. */
  readonly dma: number | null;
  /** The word of configuration space or of firmware; null for a register and other memory. */
  readonly content: WordPlace | null;
  readonly sizeBytes: number;
  readonly value: number;
  /** For a read, the value that it would have without colours. */
  readonly plain: number;
  readonly isWrite: boolean;
  /** For a read, the number of reads of the register before it. */
  readonly nth: number;
  /** For a write, the interrupt vectors that have a handler. */
  readonly vectors: readonly number[];
}

const NO_ACCESS = { dma: null, content: null, isWrite: false, nth: 0, vectors: [] } as const;

/** The operands of an instruction. An instruction with operands that do not fit 32 bits has a note for each half. */
export interface Note {
  /** Index of the read before it. */
  readonly access: number;
  readonly one: number;
  readonly other: number;
  /** The half of operands of 64 bits; null if they fit 32 bits. */
  readonly half: "low" | "high" | null;
  /** Address of the instruction in the compiler's output. */
  readonly at: number;
}

export interface SearchedOptions {
  /** Whether the code notes its operands. Without notes a large driver starts faster. */
  readonly isNoted: boolean;
  /** Whether the driver may poll for longer, to see what it does if the device never answers. */
  readonly isPatient: boolean;
  /** Values for reads of registers without a rule, by the register's address. */
  readonly colours: ReadonlyMap<number, number>;
}

/** The machine of a try, as the search uses it. */
export interface SearchedMachine {
  /** The BARs of all devices. */
  readonly bars: readonly Bar[];
  /** One byte for each block of the driver's code. */
  readonly blocks: Uint8Array;
  readonly buffer: ArrayBuffer;
  /** The device's address of coherent memory, and of mapped memory that it may write; null for other memory. */
  dmaOf(at: number): number | null;
  /** The content of the device at an address in C; null for other memory. */
  contentOf(at: number): WordPlace | null;
  /** The interrupt vectors of the device that have a handler. */
  vectors(): readonly number[];
  /** The device writes memory. */
  write(dma: number, bytes: Uint8Array): void;
  raise(vector: number): void;
}

export class SearchedDevice {
  readonly accesses: TriedAccess[] = [];
  readonly notes: Note[] = [];
  /** Blocks of the driver's code that have run, by their numbers. */
  readonly blocks = new Set<number>();
  /** Registers that were read or written. */
  readonly registers = new Set<number>();
  /** How many of them are words of memory that the device may write. */
  memoryWords = 0;
  /** Whether the try was ended at a poll. */
  polled = false;
  wantsFirmware = false;
  readonly #state = new RegisterState();
  /** What was new: accesses with other values. */
  readonly #seen = new Set<string>();
  /** The BARs of all devices. */
  bars: readonly Bar[] = [];
  #machine: SearchedMachine | null = null;
  /** Accesses, and reads after the last write, since something was new. */
  #since = 0;
  #reads = 0;
  #lastRead = -1;
  #left: Uint32Array | null = null;
  #words: Uint32Array | null = null;
  #given = 0;

  constructor(readonly rules: Rules, readonly options: SearchedOptions) {}

  /** Called when the driver's code starts on the try's machine. */
  begin(machine: SearchedMachine): void {
    const { blocks, buffer } = machine;
    blocks.fill(1);
    this.#machine = machine;
    this.bars = machine.bars;
    this.#left = new Uint32Array(buffer, NOTES_LEFT_AT, 1);
    this.#words = new Uint32Array(buffer, NOTES_AT, MAX_NOTES * WORDS_PER_NOTE);
  }

  /** The BAR that has a register; null if none has it. */
  barOf(phys: number): Bar | null {
    return this.bars.find(({ basePhys, sizeBytes }) =>
      phys >= basePhys && phys < basePhys + sizeBytes
    ) ?? null;
  }

  /** Notes that a block has run. */
  pass(block: number): void {
    this.blocks.add(block);
  }

  /** The value of a read. @param usual The value that the register returns without the search. */
  read(phys: number, sizeBytes: number, usual: number): number {
    this.#drain();
    const rule = this.rules.reads.get(phys);
    const nth = this.#state.reads.get(phys) ?? 0;
    const most = 2 ** (8 * sizeBytes);
    const plain = (rule === undefined ? usual : this.#state.next(phys, rule.answer)) % most;
    const colour = rule === undefined ? this.options.colours.get(phys) : undefined;
    this.#state.reads.set(phys, nth + 1);
    const value = colour === undefined ? plain : colour % most;
    this.#wasRead({ ...NO_ACCESS, phys, sizeBytes, value, plain, nth });
    return value;
  }

  /** The contents of the device that rules give. */
  contents(space: ContentSpace): readonly Content[] {
    return this.rules.contents.filter((each) => each.space === space)
      .map(({ offset, sizeBytes, value }) => ({ offset, bytes: littleEndian(value, sizeBytes) }));
  }

  /** The size of the device's firmware, for which the driver asks. */
  firmwareBytes(): number {
    this.wantsFirmware = true;
    return this.rules.firmwareBytes;
  }

  /** Notes that the driver reads memory that the device may write, or a content of the device. @param at Address in C. */
  readMemory(at: number, sizeBytes: number, view: DataView): void {
    const dma = this.#machine?.dmaOf(at) ?? null;
    const content = this.#machine?.contentOf(at) ?? null;
    if (dma === null && content === null || sizeBytes > MOST_MEMORY_BYTES) return;
    const start = content === null ? MEMORY_AT + dma! : CONTENT_AT[content.space] + content.offset;
    for (let done = 0; done < sizeBytes;) {
      const size = sizeBytes - done >= 4 ? 4 : sizeBytes - done >= 2 ? 2 : 1;
      this.#drain();
      const value = size === 4
        ? view.getUint32(at + done, true)
        : size === 2
        ? view.getUint16(at + done, true)
        : view.getUint8(at + done);
      const phys = start + done;
      const nth = this.#state.reads.get(phys) ?? 0;
      this.#state.reads.set(phys, nth + 1);
      this.#wasRead({
        ...NO_ACCESS,
        phys,
        dma: dma === null ? null : dma + done,
        content: content === null ? null : { ...content, offset: content.offset + done },
        sizeBytes: size,
        value,
        plain: value,
        nth,
      });
      done += size;
    }
  }

  #wasRead(access: TriedAccess): void {
    const { dma, phys, value } = access;
    if (dma !== null && !this.registers.has(phys)) this.memoryWords++;
    const isNew = this.#isNew(`r${phys}=${value}`, false);
    this.#lastRead = this.accesses.push(access) - 1;
    this.registers.add(phys);
    this.#allow(isNew ? NOTES_NEW : NOTES_SAME);
  }

  /** Called after the driver has written a register. */
  wrote(phys: number, sizeBytes: number, value: number): void {
    this.#isNew(`w${phys}=${value}`, true);
    this.#state.written.set(phys, value);
    this.registers.add(-phys);
    const vectors = this.#machine?.vectors() ?? [];
    const written = { phys, sizeBytes, value, plain: value, isWrite: true };
    this.accesses.push({ ...NO_ACCESS, ...written, vectors });
    for (const { doorbell, work } of this.rules.works) {
      if (doorbell === phys) this.#do(work);
    }
  }

  #do(work: Work): void {
    if (work.kind === "raise") return this.#machine?.raise(work.vector);
    const address = this.#state.written.get(work.base);
    if (address === undefined) return;
    const bytes = littleEndian(work.value, work.sizeBytes);
    this.#machine?.write(address * work.unit + work.offset, bytes);
  }

  /** Called before the driver's memory is cleared, and after the try. */
  end(): void {
    this.#drain();
    this.#left = this.#words = this.#machine = null;
  }

  /** Whether an access is new; ends the try if nothing was new for long. */
  #isNew(access: string, isWrite: boolean): boolean {
    const { size } = this.#seen;
    this.#seen.add(access);
    const isNew = this.#seen.size > size;
    this.#since = isNew ? 0 : this.#since + 1;
    this.#reads = isNew || isWrite ? 0 : this.#reads + 1;
    const times = this.options.isPatient ? PATIENCE : 1;
    if (this.#reads > POLLS * times || this.#since > POLLS_WRITING * times) {
      this.polled = true;
      throw new LimitError("E0801", "The driver polls");
    }
    return isNew;
  }

  #allow(count: number): void {
    this.#given = this.notes.length < MOST_NOTES ? count : 0;
    if (this.#left !== null) this.#left[0] = this.#given;
  }

  #note(at: number, one: number, other: number, half: Note["half"]): void {
    this.notes.push({ access: this.#lastRead, at, half, one, other });
  }

  /** Takes the notes since the last read. */
  #drain(): void {
    const words = this.#words;
    if (words === null) return;
    const left = this.#left![0]!;
    for (let index = this.#given - 1; index >= left; index--) {
      const from = index * WORDS_PER_NOTE;
      const [one, oneHigh, other, otherHigh, at] = words.subarray(from, from + WORDS_PER_NOTE);
      const isWide = isHigh(oneHigh!) || isHigh(otherHigh!);
      this.#note(at!, one!, other!, isWide ? "low" : null);
      if (isWide) this.#note(at!, oneHigh!, otherHigh!, "high");
    }
    this.#given = left;
  }
}

function littleEndian(value: number, sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, byte) => value >>> 8 * byte);
}

/** Whether a number of 64 bits does not fit 32 bits, with or without a sign, by its upper half. */
function isHigh(high: number): boolean {
  return high !== 0 && high !== ALL_ONES;
}
