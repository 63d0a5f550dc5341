/**
 * Where what is no code lies: around the sources in a checkout, around the bundle in the package.
 *
 * `build_package.ts` lays the package out as it is said here.
 */
import { host } from "../host.ts";

/** A bundle is JavaScript, and all its files lie in the package's folder. */
const IS_PACKAGE = import.meta.url.endsWith(".js");

/** In both: `docs/behaviour/`, `LICENSE`. */
const ROOT = new URL(IS_PACKAGE ? "./" : "../../", import.meta.url);

/** The text of a page of `docs/behaviour/`, by its name without the ending. */
export function readRulePage(name: string): string {
  return host.readTextFileSync(new URL(`docs/behaviour/${name}.md`, ROOT));
}

/** What a worker that runs files of tests is started from. */
export const TEST_WORKER = new URL(IS_PACKAGE ? "worker.js" : "cli/testing/worker.ts", ROOT);

/** The folder of the package that this program was started from; null in a checkout. */
export const OWN_PACKAGE: URL | null = IS_PACKAGE ? ROOT : null;
