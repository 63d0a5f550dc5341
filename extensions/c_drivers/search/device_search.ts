/**
 * Searches for values of a device's registers with which a driver probes. Each try is a run of the
 * driver on a fresh machine. The comparisons of a try give values to try next, the last comparison
 * first, because it decided. A try that runs new code is searched further; the one that got furthest
 * comes first.
 */
import type { Bar } from "@dmalab/devices";
import { Random } from "@dmalab/runtime";
import type { CCode } from "../c_code.ts";
import { comparedWith, distanceOf, type Wanted, wantedValues } from "./decisions.ts";
import { SearchedDevice, type SearchedOptions } from "./searched_device.ts";
import {
  type ContentRule,
  NO_RULES,
  type RegisterAnswer,
  type Rule,
  type Rules,
  rulesKey,
} from "./rules.ts";
import { memoryWorks, raises } from "./device_works.ts";

/** Weight of a register in how far a try got; a block of code has 1. */
const REGISTER_WEIGHT = 3;
const ERROR_WEIGHT = 2;
/** Number of words of memory that count as registers. A driver walks a ring for as long as its words are set. */
const MOST_SCORED_WORDS = 8;
/** Weight of a successful probe, and of a removal that ends: more than that of any code. */
const STAGE_WEIGHT = 1e6;
/** Number of further tries for a removal that ends, after probe has succeeded. */
const REMOVAL_TRIES = 300;
/** Number of registers, the last ones read, for which usual values are tried. */
const COLOURED = 6;
/** Number of registers, the last ones read, that get a random value to find their comparisons. */
const MOST_COLOURED = 32;
/** Number of times that the last registers get random values after everything else. */
const MORE_COLOURS = 8;
/** Number of rules from the last comparisons that are tried before anything else. */
const NEAR = 48;
/** The same for the comparisons of a random value. */
const NEAR_COLOURED = 6;
/** An index register is searched among this many writes before a read; `MOST_INDEXES` of them are tried. */
const INDEX_WRITES = 6;
const MOST_INDEXES = 2;
/** Largest number of words behind an index register that are tried with the same value, the last ones read first. */
const MOST_WORDS = 4;
/**
 * Number of tries without a considerable rise of the score after which random values come first, and the least
 * considerable rise.
 */
const STAGNANT = 48;
const RISE = 6;
/** Bits that random values do not have: they would make them addresses of a group, which no card has as its own. */
const GROUP_BITS = 0x0100_0001;
/** Values for the registers read last that no comparison gives: all bits, none, and single ones. */
const USUAL = [2 ** 32 - 1, 0, ...Array.from({ length: 32 }, (_, bit) => 2 ** bit)];

/** The reason of a value that no comparison gave. */
const UNKNOWN = "no comparison of it was found: one value of several that were tried";
/** Size of the firmware that a device gets whose driver asks for some. */
const FIRMWARE_BYTES = 2 ** 16;
/** The largest size of firmware that is tried, and the number of sizes for each try. */
const MOST_FIRMWARE_BYTES = 2 ** 22;
const FIRMWARE_SIZES = 4;
/** Largest number of tries for simpler values; no more than the search has needed, if that is not few. */
const SIMPLER_TRIES = 300;
const FEW_TRIES = 64;

/** The result of one try. */
export interface TryResult {
  /** Whether `probe()` succeeded. */
  readonly hasProbed: boolean;
  /** Whether the test ran to its end, whatever it found. Else the driver polls in its removal. */
  readonly hasEnded: boolean;
  /** Number of error messages that the driver printed. */
  readonly errors: number;
}

export interface SearchBudget {
  readonly tries: number;
  /** Whether the time for the search is over. */
  readonly isOver: () => boolean;
}

export interface SearchResult {
  /** Rules with which the driver gets furthest; none of them can be left out. */
  readonly rules: Rules;
  /** The device's BARs: they have the registers of the rules. */
  readonly bars: readonly Bar[];
  readonly hasProbed: boolean;
  readonly tries: number;
  /** Whether a try has read or written a register of a BAR. */
  readonly usesBars: boolean;
  /** Why the search ended without success. */
  readonly ended: "tries" | "time" | "candidates" | null;
}

/** Rules to try. */
interface Candidate {
  readonly rules: Rules;
  /** Whether the driver may poll for longer. */
  readonly isPatient: boolean;
  /** Whether a try with these values has run new code already, so that this one need not run any. */
  readonly isKnown: boolean;
}

interface Entry {
  readonly rules: Rules;
  readonly run: SearchedDevice;
  readonly result: TryResult;
  readonly score: number;
  readonly isPatient: boolean;
  /** Further rules to try; null before each later kind of rules, which is less likely to help. */
  readonly candidates: Iterator<Candidate | null>;
  /** Rules from random values: a part of the candidates, which comes earlier if the search stagnates. */
  readonly coloured: Iterator<Candidate>;
  isColoured: boolean;
  /** Number of kinds of rules that were tried. */
  kindsTried: number;
  /** Number of rules that were tried. */
  tries: number;
  /** Whether blocks of code ran that had not run in a try before. */
  readonly hasNewCode: boolean;
}

/**
 * What the score of a try is reduced by, for each kind of further rules: from its last comparisons, by random values,
 * from all comparisons, by guesses, by more random values.
 */
const KIND_COSTS: readonly number[] = [0, 2, 10, 40, 60];

export class DeviceSearch {
  readonly #tried = new Set<string>();
  readonly #blocks = new Set<number>();
  readonly #outcomes = new Set<number>();
  readonly #registers = new Set<number>();
  /** The least distance of each comparison, over all tries. */
  readonly #distances = new Map<number, number>();
  readonly #entries: Entry[] = [];
  readonly #colours: Random;
  /** The score of the last considerable rise, and the number of tries at that time. */
  #risen = -Infinity;
  #roseAt = 0;
  #tries = 0;

  /**
   * @param attempt Runs the driver once on a fresh machine.
   * @param reason A sentence about a comparison, for the scenario.
   */
  constructor(
    private readonly code: CCode,
    private readonly attempt: () => TryResult,
    private readonly reason: (wanted: Wanted) => string,
    private readonly budget: SearchBudget,
    /** Rules that an earlier search has found. */
    private readonly start: Rules = NO_RULES,
  ) {
    this.#colours = new Random(1);
  }

  run(): SearchResult {
    const { result: first } = this.#observe(this.start, { isNoted: false, isPatient: true });
    let best: Entry | null = null;
    let ended: SearchResult["ended"] = null;
    if (!isComplete(first)) {
      best = this.#try({ rules: this.start, isPatient: false, isKnown: true })!;
      let last = Infinity;
      while (!isComplete(best.result) && ended === null) {
        const isStagnant = this.#tries - this.#roseAt > STAGNANT;
        const stuck = isStagnant ? this.#uncoloured() : null;
        const entry = stuck ?? (isStagnant && this.#tries % 2 === 0 ? this.#least() : this.#next());
        if (entry === null) ended = "candidates";
        else if (this.#tries >= Math.min(this.budget.tries, last)) ended = "tries";
        else if (this.budget.isOver()) ended = "time";
        else {
          const made = stuck === null ? this.#step(entry) : this.#colour(entry);
          if (made !== null && made.score > best.score) best = made;
          this.#noteRise(best.score);
          if (best.result.hasProbed) last = Math.min(last, this.#tries + REMOVAL_TRIES);
        }
      }
    }
    const rules = best === null ? this.start : this.#minimal(best);
    const { hasProbed } = best?.result ?? first;
    return {
      rules,
      bars: best?.run.bars ?? [],
      hasProbed,
      tries: this.#tries,
      usesBars: first.hasProbed ||
        best?.run.accesses.some(({ content, dma }) => content === null && dma === null) === true,
      ended: hasProbed ? null : ended,
    };
  }

  /** Tries the next rules of an entry. @returns The try, if something in it is new; else null. */
  #step(entry: Entry): Entry | null {
    entry.tries++;
    const { done, value } = entry.candidates.next();
    if (done) this.#entries.splice(this.#entries.indexOf(entry), 1);
    else if (value === null) entry.kindsTried++;
    else return this.#try(value);
    return null;
  }

  /** Notes whether the search gets further. Many small steps may be code that decides nothing. */
  #noteRise(score: number): void {
    if (score < this.#risen + RISE) return;
    this.#risen = score;
    this.#roseAt = this.#tries;
  }

  /** Of the entries without random values, the one with the highest score; the newest of equal ones. */
  #uncoloured(): Entry | null {
    return this.#entries.reduce<Entry | null>(
      (best, entry) => entry.isColoured || best !== null && best.score > entry.score ? best : entry,
      null,
    );
  }

  /** Tries random values with the rules of an entry. @returns As `#step()`. */
  #colour(entry: Entry): Entry | null {
    const { done, value } = entry.coloured.next();
    if (!done) return this.#try(value);
    entry.isColoured = true;
    this.#roseAt = this.#tries;
    return null;
  }

  /**
   * Of the entries with new code, the one with the fewest tries; of several ones, the one that got furthest. What scores
   * highest may be a loop or an error path that leads nowhere.
   */
  #least(): Entry | null {
    let best: Entry | null = null;
    for (const entry of this.#entries) {
      if (!entry.hasNewCode || best !== null && entry.tries > best.tries) continue;
      if (best === null || entry.tries < best.tries || entry.score > best.score) best = entry;
    }
    return best ?? this.#next();
  }

  /** The entry that got furthest; of several ones, the latest. */
  #next(): Entry | null {
    let best: Entry | null = null;
    let most = -Infinity;
    for (const entry of this.#entries) {
      const score = entry.score - KIND_COSTS[entry.kindsTried]!;
      if (score < most) continue;
      best = entry;
      most = score;
    }
    return best;
  }

  #observe(
    rules: Rules,
    options: Partial<SearchedOptions> = {},
  ): { readonly run: SearchedDevice; readonly result: TryResult } {
    const usual = { isNoted: true, isPatient: false, colours: new Map() };
    const run = new SearchedDevice(rules, { ...usual, ...options });
    this.#tries++;
    this.code.search = run;
    try {
      return { run, result: this.attempt() };
    } finally {
      run.end();
      this.code.search = null;
    }
  }

  /** Tries rules. @returns The try, if something in it is new; else null. */
  #try({ isKnown, isPatient, rules }: Candidate): Entry | null {
    const { result, run } = this.#observe(rules, { isPatient });
    // A try with random values has noted the blocks of a known one.
    const hasNewCode = isKnown || this.#hasNewCode(run);
    if (!this.#isNew(run) && !result.hasProbed && !isKnown) return null;
    const score = scoreOf(run, result);
    const entry = { rules, run, result, score, isPatient };
    const coloured = this.#allColoured(entry, MOST_COLOURED);
    const candidates = this.#candidates(entry, coloured);
    const whole = {
      ...entry,
      kindsTried: 0,
      tries: 0,
      hasNewCode,
      isColoured: false,
      coloured,
      candidates,
    };
    this.#entries.push(whole);
    return whole;
  }

  #hasNewCode({ blocks }: SearchedDevice): boolean {
    return [...blocks].some((block) => !this.#blocks.has(block));
  }

  #isNew({ blocks, notes, registers }: SearchedDevice): boolean {
    const before = this.#blocks.size + this.#outcomes.size + this.#registers.size;
    for (const block of blocks) this.#blocks.add(block);
    for (const register of registers) this.#registers.add(register);
    let isCloser = false;
    for (const note of notes) {
      this.#outcomes.add(2 * note.at + Number(note.one === note.other));
      const distance = distanceOf(note, this.code);
      const key = 2 * note.at + Number(note.half === "high");
      if (distance === null || distance >= (this.#distances.get(key) ?? Infinity)) continue;
      this.#distances.set(key, distance);
      isCloser = true;
    }
    return isCloser || this.#blocks.size + this.#outcomes.size + this.#registers.size > before;
  }

  /** Further rules to try, from the comparisons of a try. */
  *#candidates(
    { isPatient, rules, run }: Pick<Entry, "isPatient" | "rules" | "run">,
    coloured: Iterable<Candidate>,
  ): Generator<Candidate | null> {
    const untried = (all: Iterable<Rules>) => this.#untried(all, isPatient);
    const wanted = untried(this.#wanted(rules, run));
    // A driver that ends with a write may wait for an interrupt.
    if (run.accesses.at(-1)?.isWrite === true) yield* untried(raises(rules, run));
    yield* wanted.take(NEAR);
    yield* untried(raises(rules, run));
    if (run.wantsFirmware && rules.firmwareBytes === 0) {
      yield* untried([{ ...rules, firmwareBytes: FIRMWARE_BYTES }]);
    }
    if (rules.firmwareBytes !== 0) yield* untried(this.#sizesOfFirmware(rules, run));
    yield null;
    yield* coloured;
    yield null;
    yield* wanted;
    yield null;
    yield* untried(this.#usual(rules, openReads(run, rules).slice(0, COLOURED)));
    // What the driver does if the device never answers.
    if (run.polled && !isPatient) yield { rules, isPatient: true, isKnown: true };
    yield null;
    for (let round = 0; round < MORE_COLOURS; round++) {
      yield* this.#allColoured({ isPatient, rules, run }, COLOURED);
    }
  }

  /** Rules from random values for each register that has no rule, at most a number of them, and for all of them. */
  *#allColoured(
    { isPatient, rules, run }: Pick<Entry, "isPatient" | "rules" | "run">,
    most: number,
  ): Generator<Candidate> {
    const open = openReads(run, rules);
    for (const phys of open.slice(0, most)) {
      yield* this.#coloured([phys], rules, isPatient);
    }
    if (open.length > 0) yield* this.#coloured(open, rules, isPatient);
  }

  /** Rules from a try in which registers return random values, by which their comparisons are found. */
  *#coloured(group: readonly number[], rules: Rules, isPatient: boolean): Generator<Candidate> {
    const colours = new Map(
      group.map((phys) => [phys, (this.#colours.nextU32() & ~GROUP_BITS) >>> 0]),
    );
    const { result, run } = this.#observe(rules, { isPatient, colours });
    // New registers alone may be those of a random address.
    const isKnown = this.#hasNewCode(run) || result.hasProbed;
    if (this.#isNew(run) || result.hasProbed) {
      const answered = [...colours].reduce<Rules>(
        (all, [phys, value]) => withRule(all, phys, { kind: "value", value }, UNKNOWN),
        rules,
      );
      for (const each of this.#untried([answered], isPatient)) yield { ...each, isKnown };
    }
    yield* this.#untried(this.#wanted(rules, run, colours), isPatient).take(NEAR_COLOURED);
  }

  /** Firmware of another size, with which the driver compares its size. */
  *#sizesOfFirmware(rules: Rules, { notes }: SearchedDevice): Generator<Rules> {
    const sizes = comparedWith(rules.firmwareBytes, notes, this.code)
      .filter((bytes) => bytes > 0 && bytes <= MOST_FIRMWARE_BYTES);
    for (const firmwareBytes of sizes.slice(0, FIRMWARE_SIZES)) {
      const contents = rules.contents.filter(({ offset, sizeBytes, space }) =>
        space !== "firmware" || offset + sizeBytes <= firmwareBytes
      );
      yield { ...rules, firmwareBytes, contents };
    }
  }

  *#untried(all: Iterable<Rules>, isPatient: boolean): Generator<Candidate> {
    for (const rules of all) {
      const key = rulesKey(rules);
      if (this.#tried.has(key)) continue;
      this.#tried.add(key);
      yield { rules, isPatient, isKnown: false };
    }
  }

  *#usual(rules: Rules, last: readonly number[]): Generator<Rules> {
    for (const phys of last) {
      for (const value of USUAL) {
        yield withRule(rules, phys, { kind: "value", value }, UNKNOWN);
      }
    }
  }

  /** @param only Values are tried for these registers; without it for all. */
  *#wanted(
    rules: Rules,
    run: SearchedDevice,
    only?: ReadonlyMap<number, number>,
  ): Generator<Rules> {
    const known = new Map<string, Set<string>>();
    const writes = lastWrites(run);
    for (const wanted of wantedValues(run, this.code)) {
      const { content, dma, phys, sizeBytes } = run.accesses[wanted.access]!;
      const key = `${phys} ${wanted.value}`;
      if (only !== undefined && !only.has(phys)) continue;
      // Reads after other writes may be reads of other words.
      const words = known.getOrInsertComputed(key, () => new Set<string>());
      const word = writes[wanted.access]!;
      if (words.has(word) || words.size === MOST_WORDS) continue;
      words.add(word);
      const isFirst = words.size === 1;
      const reason = this.reason(wanted);
      if (content !== null && isFirst) {
        yield withContent(rules, { ...content, sizeBytes, value: wanted.value, reasons: [reason] });
      }
      if (dma !== null && isFirst) yield* memoryWorks(rules, run, wanted, reason);
      if (!isAnswerable(run, phys)) continue;
      for (const answer of answersFor(run, wanted, rules.reads.get(phys)?.answer)) {
        if (isFirst || answer.kind === "indexed") yield withRule(rules, phys, answer, reason);
      }
    }
  }

  /** Leaves out each rule, and each bit of a value, that the try does not need. */
  #minimal({ isPatient, result, rules, score }: Entry): Rules {
    const isAsGood = (fewer: Rules) => {
      const { result: other, run } = this.#observe(fewer, { isPatient });
      return result.hasProbed
        ? other.hasProbed && (other.hasEnded || !result.hasEnded)
        : scoreOf(run, other) >= score;
    };
    let kept = rules;
    for (const work of rules.works.toReversed()) {
      const fewer = { ...kept, works: kept.works.filter((each) => each !== work) };
      if (isAsGood(fewer)) kept = fewer;
    }
    for (const word of rules.contents.toReversed()) {
      const fewer = { ...kept, contents: kept.contents.filter((each) => each !== word) };
      if (isAsGood(fewer)) kept = fewer;
    }
    if (kept.firmwareBytes !== 0 && kept.contents.every(({ space }) => space !== "firmware")) {
      const fewer = { ...kept, firmwareBytes: 0 };
      if (isAsGood(fewer)) kept = fewer;
    }
    for (const phys of [...rules.reads.keys()].toReversed()) {
      const reads = new Map([...kept.reads].filter(([each]) => each !== phys));
      const fewer = { ...kept, reads };
      if (isAsGood(fewer)) kept = fewer;
    }
    const last = this.#tries + Math.min(SIMPLER_TRIES, Math.max(FEW_TRIES, this.#tries));
    for (const [phys, { answer, reasons }] of kept.reads) {
      for (const [bit, others] of bitsSet(answer)) {
        if (this.#tries >= last || others === 0 || this.budget.isOver()) break;
        const { answer: { value } } = kept.reads.get(phys) as { answer: { value: number } };
        const simpler: RegisterAnswer = { kind: "value", value: (value & ~bit) >>> 0 };
        const reads = new Map([...kept.reads, [phys, { answer: simpler, reasons }]]);
        const fewer = { ...kept, reads };
        if (isAsGood(fewer)) kept = fewer;
      }
    }
    return kept;
  }
}

/** The bits of a value, from the highest one, if it has more than a comparison usually asks for. */
function* bitsSet(answer: RegisterAnswer): Generator<readonly [bit: number, others: number]> {
  if (answer.kind !== "value") return;
  for (let bit = 31; bit >= 0; bit--) {
    const mask = 2 ** bit;
    if ((answer.value & mask) !== 0) yield [mask, (answer.value & ~mask) >>> 0];
  }
}

function withRule(rules: Rules, phys: number, answer: RegisterAnswer, reason: string): Rules {
  const reasons = rules.reads.get(phys)?.reasons ?? [];
  const rule: Rule = { answer, reasons: [...new Set([...reasons, reason])] };
  return { ...rules, reads: new Map([...rules.reads, [phys, rule]]) };
}

/** Rules with a word of configuration space or firmware; a later word at the same place replaces an earlier one. */
function withContent(rules: Rules, word: ContentRule): Rules {
  const isSame = (each: ContentRule) =>
    each.space === word.space && each.offset === word.offset && each.sizeBytes === word.sizeBytes;
  const before = rules.contents.find(isSame)?.reasons ?? [];
  const reasons = [...new Set([...before, ...word.reasons])];
  const contents = [...rules.contents.filter((each) => !isSame(each)), { ...word, reasons }];
  return { ...rules, contents };
}

/** Whether the driver has probed, and does not poll in its removal. */
function isComplete({ hasEnded, hasProbed }: TryResult): boolean {
  return hasProbed && hasEnded;
}

function scoreOf({ blocks, memoryWords, registers }: SearchedDevice, result: TryResult): number {
  const stages = Number(result.hasProbed) + Number(isComplete(result));
  const seen = registers.size - memoryWords + Math.min(memoryWords, MOST_SCORED_WORDS);
  return STAGE_WEIGHT * stages + blocks.size + REGISTER_WEIGHT * seen -
    ERROR_WEIGHT * result.errors;
}

/** Whether a register can get a rule: a device's block describes the aligned registers of its BARs. */
function isAnswerable(run: SearchedDevice, phys: number): boolean {
  const isAligned = run.accesses.every((each) => each.phys !== phys || phys % each.sizeBytes === 0);
  return run.barOf(phys) !== null && isAligned;
}

/** Registers without a rule that can get one, by their last read, the latest first. */
function openReads(run: SearchedDevice, rules: Rules): readonly number[] {
  return lastReads(run).filter((phys) => !rules.reads.has(phys) && isAnswerable(run, phys));
}

/** For each access of a try, the write before it. */
function lastWrites({ accesses }: SearchedDevice): readonly string[] {
  let last = "";
  return accesses.map(({ isWrite, phys, value }) => {
    if (isWrite) last = `${phys} ${value}`;
    return last;
  });
}

/** Registers by their last read, the latest first. */
function lastReads({ accesses }: SearchedDevice): readonly number[] {
  const reads = accesses.filter(({ content, dma, isWrite }) =>
    !isWrite && dma === null && content === null
  )
    .map(({ phys }) => phys);
  return [...new Set(reads.toReversed())];
}

/** Ways in which a register can return a value at a read, the simplest first. */
function* answersFor(
  { accesses }: SearchedDevice,
  { access, value }: Wanted,
  answer: RegisterAnswer | undefined,
): Generator<RegisterAnswer> {
  const { nth, phys, plain } = accesses[access]!;
  const before = accesses.slice(0, access);
  if (answer?.kind === "indexed") {
    const index = lastWritten(before, answer.index);
    if (index !== null) yield { ...answer, values: new Map([...answer.values, [index, value]]) };
  }
  if (answer?.kind === "kept") {
    const [clear, set] = [answer.clear | plain & ~value, answer.set | value & ~plain];
    yield { kind: "kept", clear: (clear & ~value) >>> 0, set: (set & value) >>> 0 };
  }
  yield { kind: "value", value };
  const writes = before.filter(({ isWrite }) => isWrite);
  if (answer === undefined && writes.some((write) => write.phys === phys)) {
    yield { kind: "kept", clear: (plain & ~value) >>> 0, set: (value & ~plain) >>> 0 };
  }
  const last = writes.at(-1);
  if (answer?.kind !== "indexed") {
    for (const index of indexWrites(accesses, writes)) {
      const values = new Map([[index.value, value]]);
      yield { kind: "indexed", index: index.phys, values, other: plain };
    }
  }
  if (nth === 0) return;
  const reads = before.filter((each) => !each.isWrite && each.phys === phys);
  // A poll: the first read of it that could return the value.
  const other = reads.findLastIndex((each) => each.value !== accesses[access]!.value);
  const from = Math.max(1, reads[other + 1]?.nth ?? nth);
  const lastWrite = before.findLastIndex((each) => each.isWrite);
  const wasRead = before.slice(0, Math.max(0, lastWrite)).some((each) =>
    !each.isWrite && each.phys === phys
  );
  if (last !== undefined && wasRead) {
    yield { kind: "after", trigger: last.phys, before: plain, value };
  }
  const steps = answer?.kind === "steps" ? answer.steps : [{ from: 0, value: reads[0]!.plain }];
  for (const start of new Set([from, nth])) {
    yield {
      kind: "steps",
      steps: [...steps.filter((each) => each.from < start), { from: start, value }],
    };
  }
}

/**
 * Writes before a read that may name the word that it returns: the last ones of registers that got several
 * values. A command register may be written in between, with the same value each time.
 */
function indexWrites(
  accesses: SearchedDevice["accesses"],
  writes: SearchedDevice["accesses"],
): SearchedDevice["accesses"] {
  const found = new Map<number, SearchedDevice["accesses"][number]>();
  for (const write of writes.slice(-INDEX_WRITES).toReversed()) {
    if (!found.has(write.phys)) found.set(write.phys, write);
  }
  return [...found.values()].filter((index) =>
    accesses.some(({ isWrite, phys, value }) =>
      isWrite && phys === index.phys && value !== index.value
    )
  ).slice(0, MOST_INDEXES);
}

function lastWritten(accesses: SearchedDevice["accesses"], phys: number): number | null {
  return accesses.findLast((each) => each.isWrite && each.phys === phys)?.value ?? null;
}
