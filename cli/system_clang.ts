/**
 * The paths at which a system can have a clang that compiles like dmalab's own, and the user's
 * choice.
 */

/** The major version of dmalab's own clang: another version may generate other code. */
export const CLANG_MAJOR = 22;

/** Paths at which systems install this version; the last is the system's default version. */
export const SYSTEM_CLANGS: readonly string[] = [
  `/usr/lib/llvm-${CLANG_MAJOR}/bin/clang`,
  `/usr/lib64/llvm${CLANG_MAJOR}/bin/clang`,
  `/usr/bin/clang-${CLANG_MAJOR}`,
  `/usr/local/bin/clang-${CLANG_MAJOR}`,
  "/usr/bin/clang",
  "/usr/local/bin/clang",
];

/** The linker next to a clang: `/usr/bin/wasm-ld-22` for `/usr/bin/clang-22`. */
export function linkerBeside(clang: string): string {
  return clang.replace(/clang([^/]*)$/, "wasm-ld$1");
}

/** The value of `--compiler` for dmalab's own clang. */
export const PACKAGED = "packaged";

/** The chosen compiler; null: a clang of the system with the right version, else dmalab's own. */
let chosen: string | null = null;

/**
 * Sets the compiler. A program calls this at its start.
 * @param compiler `packaged`, or the path of a clang.
 */
export function chooseCompiler(compiler: string | null): void {
  chosen = compiler;
}

export function chosenCompiler(): string | null {
  return chosen;
}
