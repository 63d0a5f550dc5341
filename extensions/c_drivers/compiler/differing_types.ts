/**
 * Function pointers of other types than the release has, such as one whose argument is not constant. The kernel's
 * build refuses them. If both types are called in the same way, the compiler is made to accept them. Otherwise a
 * wrapper of the release's type calls the driver's function as the older release did.
 */

/** The flag that makes the compiler accept such pointers. */
export const ACCEPTS_TYPES = "-Wno-incompatible-function-pointer-types";

const ERROR = /^(.+?):(\d+):(\d+): (?:fatal )?error: (.*)$/gm;
const DIFFERS =
  /^incompatible function pointer types \w+(?: to| with)?(?: an expression of type)? ?'([^']+)'(?: \(aka '([^']+)'\))? (?:from|with an expression of type) '([^']+)'(?: \(aka '([^']+)'\))?/;
const PASSED =
  /^incompatible function pointer types passing '([^']+)'(?: \(aka '([^']+)'\))? to parameter of type '([^']+)'(?: \(aka '([^']+)'\))?/;
/** A name of a function at the place of an error: the place of an assignment is its sign. */
const AT = /^(?:=[^\S\n]*)?&?[^\S\n]*([A-Za-z_]\w*)(?![^\S\n]*\()\b/;

/** An error of the compiler with its place. */
export interface CompileError {
  /** The compiler's name of the file. */
  readonly file: string;
  /** The line and the column, from 1. */
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** A function's type: its result and its arguments, as C writes them. */
interface FunctionType {
  readonly result: string;
  readonly parameters: readonly string[];
}

/** A function pointer that has another type than the release. */
export interface TypeDifference extends CompileError {
  readonly wanted: FunctionType;
  readonly given: FunctionType;
  /** Whether both types are called in the same way. */
  readonly isSameCall: boolean;
}

/** What a wrapper adds to a source. */
export interface Wrapper {
  /** The name that takes the place of the function's name. */
  readonly reference: string;
  /** Declaration of the reference, before the source's first line. */
  readonly declaration: string;
  /** Definition, behind the source's last line. */
  readonly definition: string;
}

/** The errors of a compilation. */
export function errorsIn(said: string): readonly CompileError[] {
  return [...said.matchAll(ERROR)].map(([, file, line, column, text]) => ({
    file: file!,
    line: Number(line),
    column: Number(column),
    text: text!,
  }));
}

/** The difference that an error is about; null for other errors, and for types that are not known. */
export function differenceOf(error: CompileError): TypeDifference | null {
  const differs = DIFFERS.exec(error.text);
  const passed = differs === null ? PASSED.exec(error.text) : null;
  const found = differs ?? passed;
  if (found === null) return null;
  const [one, other] = [typeOf(found[2] ?? found[1]!), typeOf(found[4] ?? found[3]!)];
  const [wanted, given] = passed === null ? [one, other] : [other, one];
  if (wanted === null || given === null) return null;
  const call = callOf(wanted);
  return { ...error, wanted, given, isSameCall: call !== null && call === callOf(given) };
}

/** The name of the function at the place of a difference; null if something else is there. */
export function functionAt(lineText: string, column: number): string | null {
  return AT.exec(lineText.slice(column - 1))?.[1] ?? null;
}

/**
 * A wrapper of the release's type around a function of an older one. Null if it cannot be made: a result that the
 * release needs and the function does not have, or an argument that nothing gives.
 *
 * @param name Unique name of the wrapper among the module's symbols.
 */
export function wrapperOf(
  { given, wanted }: TypeDifference,
  called: string,
  name: string,
): Wrapper | null {
  const isVoid = (type: string) => type === "void";
  if (isVoid(given.result) && !isVoid(wanted.result)) return null;
  if (!isVoid(wanted.result) && kindOf(wanted.result) !== kindOf(given.result)) {
    if ([wanted, given].some(({ result }) => !isNumber(result))) return null;
  }
  const named = wanted.parameters.map((type, at) => [type, `a${at}`] as const);
  const passed = argumentsOf(given.parameters, named);
  if (passed === null) return null;
  const listed = named.length === 0 ? "void" : named.map(([type, each]) => declared(type, each));
  const head = `${name}_as(${listed.toString()})`;
  const call = `${called}(${passed.join(", ")});`;
  return {
    reference: name,
    declaration: `void ${name}(void) __asm__("${name}");`,
    definition: `${wanted.result} ${head} __asm__("${name}"); ${wanted.result} ${head} { ${
      isVoid(wanted.result) ? "" : "return "
    }${call} }`,
  };
}

/** The arguments with which an older function is called; null if nothing gives one of them. */
function argumentsOf(
  wanted: readonly string[],
  given: readonly (readonly [type: string, name: string])[],
): readonly string[] | null {
  const types = given.map(([type]) => type);
  for (const { from, pass, to } of KNOWN) {
    if (sameList(wanted, to) && sameList(types, from)) return pass;
  }
  const passed = wanted.map((type, at) => {
    const [offered, name] = given[at] ?? [];
    // Since 2.6.19 a handler gets no registers; none has read them before.
    if (offered === undefined) return type === "struct pt_regs *" ? "(void *)0" : null;
    if (kindOf(type) === "pointer" && kindOf(offered) === "pointer") return `(void *)${name}`;
    return isNumber(type) && isNumber(offered) ? name! : null;
  });
  return passed.some((each) => each === null) ? null : passed as string[];
}

/** Functions that take parts of the release's arguments. */
const KNOWN: readonly {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly pass: readonly string[];
}[] = [
  // 4.11: the area is a member.
  {
    from: ["struct vm_fault *"],
    to: ["struct vm_area_struct *", "struct vm_fault *"],
    pass: ["a0->vma", "a0"],
  },
  // 6.3: probe() has to look up its entry in the table of ids.
  {
    from: ["struct i2c_client *"],
    to: ["struct i2c_client *", "const struct i2c_device_id *"],
    pass: ["a0", "i2c_client_get_device_id(a0)"],
  },
];

function sameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each, at) => each === other[at]);
}

function declared(type: string, name: string): string {
  return type.includes("(*)") ? type.replace("(*)", `(*${name})`) : `${type} ${name}`;
}

/** Reads a type such as `int (*)(struct pci_dev *, int)`; null for one that is written in another way. */
function typeOf(written: string): FunctionType | null {
  if (/[{}]|\b(?:unnamed|anonymous)\b/.test(written)) return null;
  const text = written.replace("(*)", "");
  const open = text.indexOf("(");
  if (open < 0 || !text.endsWith(")")) return null;
  const parameters: string[] = [];
  let [depth, start] = [0, open + 1];
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === "(") depth++;
    else if (char === "," && depth === 0 || char === ")" && depth-- === 0) {
      parameters.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  if (depth !== -1) return null;
  const isEmpty = parameters.length === 1 && parameters[0] === "void";
  return { result: text.slice(0, open).trim(), parameters: isEmpty ? [] : parameters };
}

/** How a function is called: the kinds of its result and arguments; null if a type is none that is known. */
function callOf({ parameters, result }: FunctionType): string | null {
  // An argument that is a function pointer has brackets of its own.
  if (parameters.some((each) => /[()]/.test(each))) return null;
  const kinds = [result, ...parameters].map(kindOf);
  return kinds.includes("?") ? null : kinds.join(",");
}

function isNumber(type: string): boolean {
  return ["32", "64"].includes(kindOf(type));
}

function kindOf(type: string): string {
  const text = type.trim();
  if (text.endsWith("*") || text.includes("(*)")) return "pointer";
  if (text === "void") return "nothing";
  if (/\bstruct\b|\bunion\b|\.\.\./.test(text)) return "?";
  if (/\blong\b|^(?:[us]64|s?size_t|loff_t|dma_addr_t)$/.test(text)) return "64";
  return /^(?:const )?(?:unsigned |signed )?(?:int|short|char|_Bool|bool|[us](?:8|16|32)|enum \w+|netdev_tx_t|irqreturn_t)$/
      .test(text)
    ? "32"
    : "?";
}
