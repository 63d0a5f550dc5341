/**
 * The fields of events: kind of value, words, and whether null is possible.
 *
 * A field is a value and also gives a type. For example, `Holds<typeof DMA>` is `DmaAddr`.
 * Therefore the type that an emitter must pass follows from the same table row that readers use to
 * print, check and document the field.
 */
import type { DmaAddr, Nanoseconds, PhysAddr, VirtAddr } from "../address.ts";

/** What kind of value a field holds. */
export type FieldKind =
  | "dma"
  | "phys"
  | "virt"
  | "size"
  | "duration"
  | "int"
  | "bool"
  | "word"
  | "text"
  /** A statement of the script, as a number that the statement's owner understands. */
  | "site"
  | "words"
  /** Names of devices and ports. */
  | "names"
  /** Pairs of a leaf size and the number of leaves. */
  | "leaves"
  /** Pairs of an address and a size. */
  | "segments"
  /**
   * Runs of an RDMA device's table: a process's address, a device's, a size, and the permissions.
   */
  | "table_runs"
  /** The result of a call without a result. */
  | "nothing";

/** Words that belong together. */
export interface WordSet {
  /** Their title. */
  readonly title: string;
  /** Each word with its meaning as a sentence. */
  readonly docs: Readonly<Record<string, string>>;
  /** Prefix of the words in the kernel, which writes them in capitals. */
  readonly kernelPrefix?: string;
}

/** A field that holds a `T`. */
export interface Field<T = unknown> {
  /** What kind of value the field holds. */
  readonly kind: FieldKind;
  /** Whether the field's value may be null. */
  readonly isOptional: boolean;
  /** The words that the field can hold; empty for a field of another kind. */
  readonly sets: readonly WordSet[];
  /** A description of the details that the name leaves open. */
  readonly doc: string | null;
  /** Never set: carries the type only. */
  readonly holds?: T;
}

/** The fields of an event or the arguments of a call, by name. */
export type FieldTable = Readonly<Record<string, Field>>;

/**
 * The value of a field.
 * @internal
 */
export type Holds<F extends Field> = F extends { readonly holds?: infer T } ? T : never;

/**
 * The values of a table of fields.
 * @internal
 */
export type AllHold<T extends FieldTable> = { readonly [F in keyof T]: Holds<T[F]> };

function plain<T>(kind: FieldKind): Field<T> {
  return { kind, isOptional: false, sets: [], doc: null };
}

/** An address as a device sees it. */
export const DMA: Field<DmaAddr> = plain("dma");
/** A physical address. */
export const PHYS: Field<PhysAddr> = plain("phys");
/** An address of a process. */
export const VIRT: Field<VirtAddr> = plain("virt");
/** A size in bytes. */
export const SIZE: Field<number> = plain("size");
/** A duration in nanoseconds. */
export const DURATION: Field<Nanoseconds> = plain("duration");
/** A whole number. */
export const INT: Field<number> = plain("int");
/** True or false. */
export const BOOL: Field<boolean> = plain("bool");
/** A text. */
export const TEXT: Field<string> = plain("text");
/** A statement of the script, by its number. */
export const SITE: Field<number> = plain("site");
/** Names of devices and ports. */
export const NAMES: Field<readonly string[]> = plain("names");
/** Pairs of a leaf size and the number of leaves. */
export const LEAVES: Field<readonly (readonly [sizeBytes: number, count: number])[]> = plain(
  "leaves",
);
/** Pairs of an address and a size. */
export const SEGMENTS: Field<readonly (readonly [phys: PhysAddr, sizeBytes: number])[]> = plain(
  "segments",
);
/** Runs of the table of an RDMA device. */
export const TABLE_RUNS: Field<
  readonly (readonly [
    virt: VirtAddr,
    dma: DmaAddr,
    sizeBytes: number,
    prot: "read" | "read_write",
  ])[]
> = plain("table_runs");
/** The result of a call without a result. */
export const NOTHING: Field<null> = plain("nothing");

/** A field that holds one of some words. */
export function word<W extends string>(
  title: string,
  docs: Readonly<Record<W, string>>,
  kernelPrefix?: string,
): Field<W> {
  const set = kernelPrefix === undefined ? { title, docs } : { title, docs, kernelPrefix };
  return { ...plain<W>("word"), sets: [set] };
}

/** A field that holds only some of the words of another. */
export function only<W extends string, P extends W>(all: Field<W>, ...picked: P[]): Field<P> {
  const sets = all.sets.map((set) => ({
    ...set,
    docs: Object.fromEntries(
      picked.flatMap((name) => name in set.docs ? [[name, set.docs[name]!]] : []),
    ),
  }));
  return { ...plain<P>("word"), sets };
}

/** A field that holds a word of either of two fields. */
export function either<A extends string, B extends string>(
  one: Field<A>,
  other: Field<B>,
): Field<A | B> {
  return { ...plain<A | B>("word"), sets: [...one.sets, ...other.sets] };
}

/** A field that holds any number of the words of another. */
export function listOf<W extends string>(item: Field<W>): Field<readonly W[]> {
  return { ...plain<readonly W[]>("words"), sets: item.sets };
}

/** The same field, but its value may be null. */
export function optional<T>(field: Field<T>): Field<T | null> {
  return { ...field, isOptional: true };
}

/** The same field, with a description of what its name leaves open. */
export function described<T>(field: Field<T>, doc: string): Field<T> {
  return { ...field, doc };
}

/** Every word that a field can hold. */
export function wordsOf<T>({ sets }: Field<T>): Extract<T, string>[] {
  return sets.flatMap(({ docs }) => Object.keys(docs) as Extract<T, string>[]);
}

/** True for a field that holds an address of any kind. */
export function isAddress({ kind }: Field): boolean {
  return kind === "dma" || kind === "phys" || kind === "virt";
}

/** A field in words: its kind, the words it holds, and what its name leaves open. */
export function fieldText(field: Field): string {
  const words = wordsOf(field);
  const none = field.isOptional ? " or none" : "";
  const shown = words.length === 0
    ? ""
    : `: ${
      words.length > DISPLAYED_WORDS
        ? field.sets.map(({ title }) => title).join(" or ")
        : words.join(", ")
    }`;
  return `${field.kind}${none}${shown}${field.doc === null ? "" : `; ${field.doc}`}`;
}

/** Fields with more words are described by the titles of their word sets. */
const DISPLAYED_WORDS = 9;

/** An event. */
export interface EventEntry {
  /** When the event happens, as a sentence fragment for tables and help. */
  readonly when: string;
  /** The event's fields, by name. */
  readonly fields: FieldTable;
  /** A device causes the event, rather than a CPU. */
  readonly byDevice?: true;
}

/** Events by their names, such as `timer.expire`. */
export type EventTable = Readonly<Record<string, EventEntry>>;
