/** The call with the arguments that are being typed, at the end of a text. */

export interface OpenCall {
  /** `dma_map_phys`, `ssd.read`; empty for what has no name. */
  readonly callee: string;
  /** Arguments before this one that came without a name. */
  readonly unnamed: number;
  /** Names of the named arguments. */
  readonly given: readonly string[];
  /** The name in front of this one; null without. */
  readonly name: string | null;
  /** Nothing of this one is there yet, or only its name. */
  readonly atStart: boolean;
  /** The text ends in a string. */
  readonly inText: boolean;
}

interface Bracket {
  readonly opener: string;
  /** The text before it. */
  readonly callee: string;
  readonly args: string[];
  /** The argument that is being read. */
  arg: string;
}

/** The innermost call that is open at the end of a text; null where another bracket is, or none. */
export function openCall(text: string): OpenCall | null {
  const open: Bracket[] = [{ opener: "", callee: "", args: [], arg: "" }];
  let inText = false;
  for (const [index, letter] of [...text].entries()) {
    const inner = open.at(-1)!;
    if (inText || letter === '"') {
      if (letter === '"' && text[index - 1] !== "\\") inText = !inText;
      inner.arg += letter;
    } else if ("([{".includes(letter)) {
      const callee = inner.arg.match(/[A-Za-z_][\w.]*$/)?.[0] ?? "";
      open.push({ opener: letter, callee, args: [], arg: "" });
    } else if (")]}".includes(letter)) {
      // A surplus closing bracket does not discard the line.
      if (open.length > 1) open.pop();
      open.at(-1)!.arg += letter;
    } else if (letter === ",") {
      inner.args.push(inner.arg);
      inner.arg = "";
    } else inner.arg += letter;
  }
  const { args, arg, callee, opener } = open.at(-1)!;
  if (opener !== "(" || callee === "") return null;
  const names = args.map(nameOf);
  return {
    callee,
    unnamed: names.filter((name) => name === null).length,
    given: names.filter((name) => name !== null),
    name: nameOf(arg),
    atStart: /^\s*(?:\w+\s*:)?\s*$/.test(arg),
    inText,
  };
}

/** `into` of `into: buf`. */
function nameOf(arg: string): string | null {
  return arg.match(/^\s*(\w+)\s*:/)?.[1] ?? null;
}
