/** The call at the end of a text, while its arguments are being typed. */

export interface OpenCall {
  /** `dma_map_phys`, `ssd.read`; empty if the called expression has no name. */
  readonly callee: string;
  /** Number of arguments without a name before this one. */
  readonly unnamed: number;
  /** Names of the named arguments. */
  readonly given: readonly string[];
  /** The name before this argument; null without one. */
  readonly name: string | null;
  /** True if nothing of this argument is typed yet, except perhaps its name. */
  readonly atStart: boolean;
  /** True if the text ends inside a string. */
  readonly inText: boolean;
}

interface Bracket {
  readonly opener: string;
  /** The called name before the bracket. */
  readonly callee: string;
  readonly args: string[];
  /** The text of the current argument. */
  arg: string;
}

/**
 * The innermost call that is open at the end of a text; null if the innermost open bracket is not a
 * call's.
 */
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
      // An extra closing bracket does not invalidate the rest of the line.
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

/** The name of a named argument, such as `into` in `into: buf`; null without a name. */
function nameOf(arg: string): string | null {
  return arg.match(/^\s*(\w+)\s*:/)?.[1] ?? null;
}
