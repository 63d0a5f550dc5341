/** Places of a clang of the system that compiles as dmalab's own does, and the choice of the user. */

/** The major version of dmalab's own clang: another one may make other code of the same text. */
export const CLANG_MAJOR = 22;

/** Where systems install it; last where they install whichever they prefer. */
export const SYSTEM_CLANGS: readonly string[] = [
  `/usr/lib/llvm-${CLANG_MAJOR}/bin/clang`,
  `/usr/lib64/llvm${CLANG_MAJOR}/bin/clang`,
  `/usr/bin/clang-${CLANG_MAJOR}`,
  `/usr/local/bin/clang-${CLANG_MAJOR}`,
  "/usr/bin/clang",
  "/usr/local/bin/clang",
];

/** The linker beside a clang: `/usr/bin/wasm-ld-22` for `/usr/bin/clang-22`. */
export function linkerBeside(clang: string): string {
  return clang.replace(/clang([^/]*)$/, "wasm-ld$1");
}

/** The word of `--compiler` for the clang that dmalab brings. */
export const PACKAGED = "packaged";

/** Null: a fitting one of the system, else dmalab's own. */
let chosen: string | null = null;

/** Called by a program at its start. @param compiler `packaged`, or the path of a clang. */
export function chooseCompiler(compiler: string | null): void {
  chosen = compiler;
}

export function chosenCompiler(): string | null {
  return chosen;
}
