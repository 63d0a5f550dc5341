/**
 * Where what is no code lies: around the sources in a checkout, around the bundle in the package.
 *
 * `build_package.ts` lays the package out as it is said here.
 */
import { host } from "../host.ts";

/** A bundle is JavaScript, and all its files lie in the package's folder. */
const IS_PACKAGE = import.meta.url.endsWith(".js");

/** In both: `docs/behaviour/`, `include/`, `LICENSE`. */
const ROOT = new URL(IS_PACKAGE ? "./" : "../../", import.meta.url);

/** The text of a page of `docs/behaviour/`, by its name without the ending. */
export function readRulePage(name: string): string {
  return host.readTextFileSync(new URL(`docs/behaviour/${name}.md`, ROOT));
}

/** The header folder that drivers in C are compiled with. */
const HEADERS = new URL("include/", ROOT);

/** The program that compiles C, and what says which package it is; none in the package. */
export const COMPILER = IS_PACKAGE ? null : {
  program: new URL("cli/c/compiler/compile_main.ts", ROOT).href,
  config: new URL("cli/c/compiler/deno.json", ROOT).pathname,
};

/** The package of the compiler, with its version and its hash. */
export function readCompilerLock(): string {
  return host.readTextFileSync(new URL("cli/c/compiler/deno.lock", ROOT));
}

/** What is compiled with every driver in C, in that folder. */
export const SUPPORT = "dmalab/support.c";

/** The headers written by hand, by their paths. */
export function readHeaders(): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const folder of ["asm", "dmalab", "linux"]) {
    const names = [...host.readDirSync(new URL(`${folder}/`, HEADERS))].map(({ name }) => name);
    for (const name of names.toSorted()) {
      headers[`${folder}/${name}`] = host.readTextFileSync(new URL(`${folder}/${name}`, HEADERS));
    }
  }
  return headers;
}

/** What a worker that runs files of tests is started from. */
export const TEST_WORKER = new URL(IS_PACKAGE ? "worker.js" : "cli/testing/worker.ts", ROOT);

/** The folder of the package that this program was started from; null in a checkout. */
export const OWN_PACKAGE: URL | null = IS_PACKAGE ? ROOT : null;
