/** A decision in words: the decision on one line, its reasons below. */
import type { EventFields, EventName, FieldValue, Why } from "@dmalab/runtime";
import { clip, spread, wrapText } from "../../text/columns.ts";
import { formatAddress, formatSize } from "../../text/numbers.ts";

export interface Explanation {
  /** The decision. */
  readonly title: string;
  /** The reason, with the inputs of the decision; empty if the title says enough. */
  readonly why: string;
  /** The rule, if the reason in the event does not contain the rule. */
  readonly rule?: string;
}

/** Indentation of the sentences below a decision. */
const INDENT = " ".repeat(10);

/** A decision with its event's number at the left, its rule at the right, and its reasons below. */
export function explanationLines(
  { title, why }: Explanation,
  seq: number | null,
  rule: string,
  columns: number,
): string[] {
  const head = seq === null ? INDENT : `  #${String(seq).padEnd(7)}`;
  return [clip(spread(head + title, rule, columns), columns), ...reasonLines(why, columns)];
}

/** A fact without an event, with its rule at the right edge and its reasons below. */
export function factLines({ title, why }: Explanation, rule: string, columns: number): string[] {
  const text = why === "" ? [] : wrapText(why, columns - FACT_INDENT.length);
  return [
    clip(spread(`  ${title}`, rule, columns), columns),
    ...text.map((line) => FACT_INDENT + line),
  ];
}

const FACT_INDENT = " ".repeat(6);

/** Sentences below a decision. */
export function reasonLines(text: string, columns: number): string[] {
  if (text === "") return [];
  return wrapText(text, columns - INDENT.length).map((line) => `${INDENT}${line}`);
}

/** The fields of an event that contain a number, a size or an address. */
type NumberField<N extends EventName> = {
  [F in keyof EventFields<N>]: EventFields<N>[F] extends number | null ? F : never;
}[keyof EventFields<N>];

/**
 * The fields of an event, with the types of the event vocabulary, and the inputs of the event's
 * decision.
 */
export class EventFacts<N extends EventName = EventName> {
  readonly #inputs: Readonly<Record<string, FieldValue | undefined>>;

  constructor(readonly name: N, readonly fields: EventFields<N>, readonly why: Why | null) {
    this.#inputs = why?.inputs ?? {};
  }

  get rule(): string {
    return this.why?.rule ?? "";
  }

  size(field: NumberField<N>): string {
    return formatSize(this.#number(field));
  }

  address(field: NumberField<N>): string {
    return formatAddress(this.#number(field));
  }

  #number(field: NumberField<N>): number {
    return (this.fields[field] ?? 0) as number;
  }

  /** A field by its name; undefined if the event has no such field. */
  field(name: string): FieldValue | undefined {
    return (this.fields as Readonly<Record<string, FieldValue>>)[name];
  }

  input(name: string): FieldValue | undefined {
    return this.#inputs[name];
  }

  inputNumber(name: string): number {
    const value = this.#inputs[name];
    return typeof value === "number" ? value : 0;
  }

  inputSize(name: string): string {
    return formatSize(this.inputNumber(name));
  }

  inputIs(name: string): boolean {
    return this.#inputs[name] === true;
  }
}

/** The alignment in bytes for a gap bit: bit 13 is 4 KiB. @see rules/block.md 1.6 */
export function gapBitBytes(gapBit: number): number {
  return gapBit === 0 ? 0 : 2 ** (gapBit - 1);
}
