/**
 * The prototype of a kernel function: one line of C, from which the function's name, parameters and
 * result are parsed. Headers, import checks and pages are generated from the prototype.
 */

/** How a value is passed between C and the host: as a 32-bit number, as a double, or not at all. */
export type AbiType = "int" | "wide" | "none";

/** The C type of a value passed between C and the host. */
export interface CType {
  /** The type in C syntax. */
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

/** Types that fit into 32 bits; every other type has 64 bits, or is a pointer. */
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

/** Whether a type is a pointer of any kind. */
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

/** Parses `result name(type name, …)`. */
export function prototypeOf(text: string): CPrototype {
  const [, before, name, inside] = /^(.*?)(\w+)\((.*)\)$/.exec(text)!;
  const parameters = inside!.trim() === "void" ? [] : inside!.split(",").map(parameterOf);
  return { name: name!, result: typeOf(before!), parameters };
}
