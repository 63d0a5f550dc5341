/** The licence texts of the packages with code in the bundles, as their licences require. */
import { TempFolder } from "../temp_folder.ts";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { PROJECT } from "../project.ts";

/** The name of the package's file with the texts. */
export const LICENCES = "THIRD-PARTY-LICENSES";

/** The folder of a downloaded package; null when it is not downloaded. */
export type FolderOf = (name: string, version: string) => string | null;

/** Finds packages in Deno's folder of downloads. */
export function packagesBelow(npmCache: string): FolderOf {
  const registries = [...Deno.readDirSync(npmCache)].filter(({ isDirectory }) => isDirectory);
  return (name, version) => {
    for (const registry of registries) {
      const path = join(npmCache, registry.name, name, version);
      if (existsSync(join(path, "package.json"))) return path;
    }
    return null;
  };
}

/** A package that entries import, directly or through others. */
interface GraphPackage {
  readonly name: string;
  readonly version: string;
  /** Keys of packages. */
  readonly dependencies: readonly string[];
}

interface Graph {
  readonly modules: readonly { readonly npmPackage?: string; readonly error?: string }[];
  readonly npmPackages: Readonly<Record<string, GraphPackage>>;
}

/**
 * The packages that the modules of a graph import, and their dependencies, by name.
 * @throws {Error}
 */
function packagesOf({ modules, npmPackages }: Graph): readonly GraphPackage[] {
  const found = new Set<string>();
  const add = (key: string) => {
    if (found.has(key)) return;
    found.add(key);
    npmPackages[key]!.dependencies.forEach(add);
  };
  for (const { error, npmPackage } of modules) {
    if (error !== undefined) throw new Error(error);
    if (npmPackage !== undefined) add(npmPackage);
  }
  return [...found].toSorted().map((key) => npmPackages[key]!);
}

/** Names of licence files in packages. */
const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/i;

/**
 * Copyright holders of packages under the MIT licence that contain no licence text. The sources of
 * these packages name the holders.
 */
const HOLDERS: Readonly<Record<string, string>> = { "deno-std": "2018-2026 the Deno authors" };

/** The texts of a package's licence. @throws {Error} When it has none. */
function textsOf(name: string, folder: string): string {
  const holder = HOLDERS[name];
  if (holder !== undefined) {
    const own = Deno.readTextFileSync(join(PROJECT, "LICENSE"));
    return own.replace(/^Copyright .*$/m, `Copyright ${holder}`).trim();
  }
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => LICENCE_FILE.test(name));
  if (names.length === 0) throw new Error(`${folder} has no licence text`);
  return names.toSorted()
    .map((name) => Deno.readTextFileSync(join(folder, name)).replaceAll("\r\n", "\n").trim())
    .join("\n\n");
}

const RULE = "=".repeat(80);

/** A licence as a package has it. */
interface PackageLicence {
  readonly name: string;
  readonly version: string;
  readonly text: string;
}

/** A licence without its title and its copyright notices, and with one blank for each gap. */
function termsOf({ text }: PackageLicence): string {
  return text.replace(/^MIT License$/m, "").replaceAll(COPYRIGHT, "").replaceAll(/\s+/g, " ")
    .trim();
}

const COPYRIGHT = /^Copyright .*$/gm;

/** Each licence, preceded by the packages to which it applies; equal terms, which differ in their notices, once. */
function licenceText(packages: readonly GraphPackage[], folderOf: FolderOf): string {
  const licences = packages.map(({ name, version }): PackageLicence => {
    const folder = folderOf(name, version);
    if (folder === null) throw new Error(`${name} ${version} is not downloaded`);
    return { name, version, text: textsOf(name, folder) };
  });
  const parts = [...Map.groupBy(licences, termsOf).values()].map((those) => {
    const byText = Map.groupBy(those, ({ text }) => text);
    const isOne = byText.size === 1;
    const heads = [...byText].flatMap(([text, packages]) => [
      ...packages.map(({ name, version }) => `${name} ${version}`),
      ...isOne ? [] : (text.match(COPYRIGHT) ?? []).map((notice) => `  ${notice}`),
    ]);
    const [{ text }] = those as [PackageLicence];
    const terms = isOne
      ? text
      : text.replaceAll(COPYRIGHT, "").replaceAll(/\n{3,}/g, "\n\n").trim();
    return [RULE, ...heads, RULE, "", terms, ""].join("\n");
  });
  return ["The package dmalab contains code of these packages.", "", ...parts].join("\n");
}

/** The output of `deno info` for this project, or for a program with its configuration. */
function denoInfo(...program: string[]): unknown {
  const { stderr, stdout, success } = new Deno.Command(Deno.execPath(), {
    args: ["info", "--quiet", "--json", "--config", join(PROJECT, "deno.json"), ...program],
    stdin: "null",
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
  return JSON.parse(new TextDecoder().decode(stdout));
}

/**
 * Writes the texts for some programs of this project into a folder.
 *
 * @param sources The source files of the programs' bundle. Only packages with code among them are listed; null lists
 *   all packages that the programs import.
 * @returns The error message; null on success.
 */
export function writeLicences(
  entries: readonly URL[],
  folder: string,
  sources: readonly string[] | null = null,
): string | null {
  const isBundled = ({ name, version }: GraphPackage) =>
    sources === null || sources.some((path) => path.includes(`/${name}/${version}/`));
  using temp = new TempFolder();
  try {
    const all = temp.write("imports.ts", entries.map(({ href }) => `import "${href}";\n`).join(""));
    const { npmCache } = denoInfo() as { readonly npmCache: string };
    const packages = packagesOf(denoInfo(pathToFileURL(all).href) as Graph).filter(isBundled);
    Deno.writeTextFileSync(join(folder, LICENCES), licenceText(packages, packagesBelow(npmCache)));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
