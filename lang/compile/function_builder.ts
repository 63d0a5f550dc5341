/** Writes the instructions of one function, and counts the slots and operands they need. */
import type { Span } from "../source.ts";
import type { BoundName } from "../vm/code.ts";

/** A jump target in a function. */
export class Label {
  offset: number | null = null;
  /** Indexes of the words that get the label's offset once the offset is known. */
  readonly uses: number[] = [];
}

/** An action to be undone when a block is left early. */
export type Cleanup =
  | { readonly kind: "try" }
  | { readonly kind: "scope" }
  | { readonly kind: "outcome" }
  | { readonly kind: "cpu"; readonly slot: number };

export interface LoopLabels {
  readonly again: Label;
  readonly out: Label;
  /** Number of pending cleanups at the start of the loop. */
  readonly cleanups: number;
}

export class FunctionBuilder {
  readonly words: number[] = [];
  readonly spanIndexes: number[] = [];
  /** Offsets of words that contain a jump's target. */
  readonly jumps: number[] = [];
  readonly expectations: number[] = [];
  readonly cleanups: Cleanup[] = [];
  /** Names that are in scope here, with their slots, innermost last. */
  readonly names: BoundName[] = [];
  loop: LoopLabels | null = null;
  /** The largest number of slots used at once. */
  slots = 0;
  operands = 0;

  #span = 0;
  #spanKey: Span | null = null;
  #usedSlots = 0;
  #depth = 0;

  /** @param spans Source spans, to which the program's instructions refer. */
  constructor(readonly spans: Span[]) {}

  /** Sets the source span of the instructions that follow. */
  at(span: Span): void {
    if (this.#spanKey === span) return;
    this.#spanKey = span;
    this.#span = this.spans.push(span) - 1;
  }

  /**
   * Writes an instruction.
   * @param effect How many operands it leaves minus how many it takes.
   */
  emit(effect: number, op: number, ...operands: readonly number[]): void {
    this.#word(op);
    for (const operand of operands) this.#word(operand);
    this.#depth += effect;
    if (this.#depth > this.operands) this.operands = this.#depth;
  }

  /** Writes an instruction, and sets the source span from this instruction on. */
  emitAt(span: Span, effect: number, op: number, ...operands: readonly number[]): void {
    this.at(span);
    this.emit(effect, op, ...operands);
  }

  /** Writes an instruction with a jump target as its last operand. */
  jump(effect: number, op: number, label: Label, ...operands: readonly number[]): void {
    this.emit(effect, op, ...operands);
    this.jumps.push(this.words.length);
    if (label.offset === null) label.uses.push(this.words.length);
    this.#word(label.offset ?? 0);
  }

  /**
   * Counts an operand that is on the stack at this point, although the code before this point does
   * not push it.
   */
  holds(effect: number): void {
    this.#depth += effect;
    if (this.#depth > this.operands) this.operands = this.#depth;
  }

  /** Binds the label to the next instruction. */
  place(label: Label): void {
    label.offset = this.words.length;
    for (const use of label.uses) this.words[use] = label.offset;
  }

  /** Reserves slots of the frame until `release`. Returns the first. */
  take(count: number): number {
    const first = this.#usedSlots;
    this.#usedSlots += count;
    if (this.#usedSlots > this.slots) this.slots = this.#usedSlots;
    return first;
  }

  /** Number of reserved slots, to which `release` can go back later. */
  get usedSlots(): number {
    return this.#usedSlots;
  }

  release(usedSlots: number): void {
    while (this.names.length > 0 && this.names.at(-1)!.slot >= usedSlots) this.names.pop();
    this.#usedSlots = usedSlots;
  }

  #word(word: number): void {
    this.words.push(word);
    this.spanIndexes.push(this.#span);
  }
}
