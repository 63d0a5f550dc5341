/**
 * The licences of the npm packages that the project uses, as a table of docs/dev/dependencies.md.
 * `deno task licences` writes the table again from the data of the downloaded packages.
 */
import { join } from "node:path";
import { packagesBelow } from "@dmalab/tools/package";
import { runDeno } from "./deno_process.ts";
import { broughtBy, type Dependencies, readDependencies } from "./dependencies.ts";
import { ROOT } from "./source_text.ts";

/** The page, and the lines around the table. */
export const LICENCES_PAGE = join(ROOT, "docs/dev/dependencies.md");
const BEGIN = "<!-- licences -->";
const END = "<!-- end of licences -->";

/** Licences that require only that the text of the licence is included. */
export const WELCOME: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
]);

/** The licence that a package names; null when the package is not downloaded. */
export type LicenceOf = (name: string, version: string) => string | null;

/** Reads the licences of downloaded packages. */
export function licencesBelow(npmCache: string): LicenceOf {
  const folderOf = packagesBelow(npmCache);
  return (name, version) => {
    const folder = folderOf(name, version);
    if (folder === null) return null;
    const text = Deno.readTextFileSync(join(folder, "package.json"));
    const { license } = JSON.parse(text) as { readonly license?: unknown };
    return typeof license === "string" ? license : "none named";
  };
}

export interface LicenceRow {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly broughtBy: string;
}

/** A row for each package, by name. @throws {Error} For a package that is not downloaded. */
export function licenceRows(dependencies: Dependencies, licenceOf: LicenceOf): LicenceRow[] {
  return dependencies.packages.map(({ name, version }) => {
    const licence = licenceOf(name, version);
    if (licence === null) throw new Error(`${name} ${version} is not downloaded: run deno install`);
    const roots = broughtBy(name, dependencies).filter((root) => root !== name);
    return { name, version, licence, broughtBy: roots.join(", ") || "dmalab" };
  });
}

/** The page with these rows as its table. */
export function withLicences(page: string, rows: readonly LicenceRow[]): string {
  const table = [
    "| package | version | licence | taken by |",
    "| --- | --- | --- | --- |",
    ...rows.map((row) => `| ${row.name} | ${row.version} | ${row.licence} | ${row.broughtBy} |`),
  ].join("\n");
  const [before = "", rest = ""] = page.split(BEGIN);
  const after = rest.split(END)[1] ?? "\n";
  return `${before}${BEGIN}\n${table}\n${END}${after}`;
}

export function readLicences(page: string): LicenceRow[] {
  const table = page.split(BEGIN)[1]?.split(END)[0] ?? "";
  return [...table.matchAll(/^\| (\S+) \| (\d\S*) \| ([^|]+) \| ([^|]+) \|$/gm)].map(
    ([, name, version, licence, by]) => ({
      name: name!,
      version: version!,
      licence: licence!,
      broughtBy: by!,
    }),
  );
}

if (import.meta.main) {
  const { output } = await runDeno(["info", "--json"], { folder: ROOT });
  const { npmCache } = JSON.parse(output) as { npmCache: string };
  const rows = licenceRows(readDependencies(), licencesBelow(npmCache));
  Deno.writeTextFileSync(LICENCES_PAGE, withLicences(Deno.readTextFileSync(LICENCES_PAGE), rows));
  console.log(`${rows.length} packages in docs/dev/dependencies.md`);
}
