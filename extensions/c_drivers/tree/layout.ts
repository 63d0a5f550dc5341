/**
 * Offsets and sizes in structures of a tree. Only the names of the structures are known in advance,
 * so the numbers are determined by compiling a table of them with the tree.
 */
import { layoutNumbers } from "./ir.ts";
import { TreeError } from "@dmalab/runtime/kernels";

/** The members of each structure, by its tag, and the headers that declare them. */
export interface LayoutWanted {
  readonly headers: readonly string[];
  readonly structs: Readonly<Record<string, readonly string[]>>;
}

/** The layout of structures in a tree: sizes by tag, offsets by `tag.member`. */
export class TreeLayout {
  readonly #sizes = new Map<string, number>();
  readonly #offsets = new Map<string, number>();

  /** @param ir The compiled table. */
  constructor(wanted: LayoutWanted, ir: string) {
    const numbers = layoutNumbers(ir).values();
    const next = () => numbers.next().value ?? 0;
    next();
    for (const [tag, members] of Object.entries(wanted.structs)) {
      this.#sizes.set(tag, next());
      for (const member of members) this.#offsets.set(`${tag}.${member}`, next());
    }
  }

  sizeOf(tag: string): number {
    return this.#sizes.get(tag)!;
  }

  /** @param member In the form `tag.member`. */
  offsetOf(member: string): number {
    return this.#offsets.get(member)!;
  }
}

/**
 * The C source of the table. Its first number is 1, because a table of zeros would be printed in
 * another form.
 */
export function layoutSource({ headers, structs }: LayoutWanted): string {
  const numbers = Object.entries(structs).flatMap(([tag, members]) => [
    `sizeof(struct ${tag})`,
    ...members.map((member) => `__builtin_offsetof(struct ${tag}, ${member})`),
  ]);
  return [
    ...headers.map((header) => `#include <${header}>`),
    `const unsigned long lab_layout[] = { 1, ${numbers.join(", ")} };`,
    "",
  ].join("\n");
}

const NO_MEMBER = /no member named '([\w.]+)' in '(struct \w+)'/;

/** The error for a table that does not compile. @param said The compiler's messages. */
export function layoutError(release: string, said: string): TreeError {
  const missing = NO_MEMBER.exec(said);
  const line = said.split("\n").find((each) => each.includes("error:")) ?? said.slice(0, 200);
  return missing === null
    ? new TreeError(`The table of offsets does not compile with ${release}: ${line}`)
    : new TreeError(`${missing[2]} of ${release} has no member ${missing[1]}`);
}
