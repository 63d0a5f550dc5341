/**
 * A function of the kernel as C knows it: one line of C, which is the record of its name, its
 * parameters and its result. Headers, the border and the pages are made from it.
 */

/** How a value crosses the border: as a number of 32 bits, as a double, or not at all. */
export type AbiType = "int" | "wide" | "none";

/** A type of C at the border. */
export interface CType {
  /** As C writes it. */
  readonly text: string;
  readonly wire: AbiType;
}

export interface CParameter {
  readonly name: string;
  readonly type: CType;
}

export interface CPrototype {
  readonly name: string;
  readonly result: CType;
  readonly parameters: readonly CParameter[];
}

/** Types that fit into 32 bits; every other one is 64 wide, or a pointer. */
const NARROW: ReadonlySet<string> = new Set([
  "blk_status_t",
  "bool",
  "enum dma_data_direction",
  "enum pci_p2pdma_map_type",
  "gfp_t",
  "int",
  "u8",
  "u16",
  "u32",
  "unsigned int",
]);

/** A pointer, whatever it leads to. */
export function isPointer({ text }: CType): boolean {
  return text.endsWith("*");
}

function typeOf(written: string): CType {
  const text = written.trim().replace(/\s+/g, " ").replace(/ ?(\*+)$/, " $1");
  return { text, wire: text === "void" ? "none" : NARROW.has(text) ? "int" : "wide" };
}

function parameterOf(written: string): CParameter {
  const [, type, name] = /^(.*?[\s*])(\w+)$/.exec(written.trim())!;
  return { name: name!, type: typeOf(type!) };
}

/** Reads `result name(type name, …)`. */
export function prototypeOf(text: string): CPrototype {
  const [, before, name, inside] = /^(.*?)(\w+)\((.*)\)$/.exec(text)!;
  const parameters = inside!.trim() === "void" ? [] : inside!.split(",").map(parameterOf);
  return { name: name!, result: typeOf(before!), parameters };
}
