/** The project's packages from npm, as deno.json requests them, and their versions in deno.lock. */
import { join } from "node:path";
import { ROOT } from "./source_text.ts";

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** Hash of the download. */
  readonly integrity: string;
  /** Names of the packages that the package depends on. */
  readonly needs: readonly string[];
}

export interface Dependencies {
  /** Specifiers of deno.json, in order. */
  readonly asked: readonly string[];
  /** Specifiers of the lock file. */
  readonly locked: readonly string[];
  readonly packages: readonly LockedPackage[];
}

/** The used parts of deno.json (`Config`) and of deno.lock (`Lock`). */
interface Config {
  readonly imports: Readonly<Record<string, string>>;
}
interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<
    Record<string, { readonly integrity?: string; readonly dependencies?: readonly string[] }>
  >;
}

/** Matches the package's own name, by which scenarios are started. */
const OWN = /^npm:\/?dmalab(?=[@/])/;

/**
 * Matches an exact version of a package in a specifier. The specifier may continue with a file of
 * the package.
 */
export const EXACT = /^npm:\/?((?:@[\w.-]+\/)?[\w.-]+)@(\d+\.\d+\.\d+(?:-[\w.-]+)?)(?:\/.*)?$/;

/**
 * The folders of the project, and of the programs that it starts and that have packages of their
 * own.
 */
const PROJECTS = [".", "extensions/c_drivers/compiler/compiler"];

/** Reads deno.json and deno.lock of each project. */
export function readDependencies(): Dependencies {
  const [own, ...others] = PROJECTS.map(dependenciesOf);
  return others.reduce((all, { asked, locked, packages }) => ({
    asked: [...all.asked, ...asked],
    locked: [...all.locked, ...locked],
    packages: [...all.packages, ...packages].sort((a, b) => a.name < b.name ? -1 : 1),
  }), own!);
}

function dependenciesOf(folder: string): Dependencies {
  const read = (name: string) => Deno.readTextFileSync(join(ROOT, folder, name));
  const { imports } = JSON.parse(read("deno.json")) as Config;
  const lock = JSON.parse(read("deno.lock")) as Lock;
  return {
    asked: Object.values(imports).filter((target) =>
      target.startsWith("npm:") && !OWN.test(target)
    ),
    locked: Object.keys(lock.specifiers),
    packages: Object.entries(lock.npm).map(([key, { dependencies = [], integrity = "" }]) => {
      const at = key.lastIndexOf("@");
      // The text after `_` distinguishes copies for different peer dependencies.
      const version = key.slice(at + 1).split("_")[0]!;
      const needs = dependencies.map((each) => each.replace(/(?<=.)@.*$/, ""));
      return { name: key.slice(0, at), version, integrity, needs };
    }),
  };
}

/** The packages of deno.json that depend on a package, directly or not, or are that package. */
export function broughtBy(name: string, { asked, packages }: Dependencies): readonly string[] {
  const roots = asked.map((specifier) => specifier.match(EXACT)?.[1] ?? specifier);
  const reaches = (from: string, seen: Set<string>): boolean => {
    if (from === name) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    const needs = packages.find((each) => each.name === from)?.needs ?? [];
    return needs.some((next) => reaches(next, seen));
  };
  return [...new Set(roots)].filter((root) => reaches(root, new Set()));
}
