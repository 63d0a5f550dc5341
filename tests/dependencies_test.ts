import { SCRIPTS, TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { LICENCES, writeLicences } from "@dmalab/tools/package";
import { broughtBy, type Dependencies, EXACT, readDependencies } from "./dependencies.ts";
import { runDeno } from "./deno_process.ts";
import {
  licenceRows,
  LICENCES_PAGE,
  licencesBelow,
  readLicences,
  WELCOME,
  withLicences,
} from "./licences.ts";
import { filesBelow, ROOT, SOURCE_FOLDERS } from "./source_text.ts";

const dependencies = readDependencies();
const SOURCES = [...SOURCE_FOLDERS, "tests"];

Deno.test("every package that deno.json asks for has an exact version", () => {
  assertEquals(dependencies.asked.filter((specifier) => !EXACT.test(specifier)), []);
  assert(dependencies.asked.length >= 8);
});

Deno.test("every package is pinned by a hash of what is downloaded, those behind it too", () => {
  const pinned = (specifier: string) => specifier.replace(EXACT, "npm:$1@$2");
  assertEquals(
    dependencies.locked.toSorted(),
    [...new Set(dependencies.asked.map(pinned))].toSorted(),
  );
  const loose = dependencies.packages.filter(({ integrity }) =>
    !/^sha512-[\w+/]{86}==$/.test(integrity)
  );
  assertEquals(loose.map(({ name }) => name), []);
  const known = new Set(dependencies.packages.map(({ name }) => name));
  const needed = dependencies.packages.flatMap(({ needs }) => needs);
  assertEquals(needed.filter((name) => !known.has(name)), []);
});

Deno.test("no source names a package by itself: deno.json is the one place", () => {
  const strays = SOURCES.flatMap((folder) => filesBelow(join(ROOT, folder)))
    .filter((path) => path.endsWith(".ts"))
    .filter((path) =>
      /^\s*(?:import|export)\b[^"'`\n]*["'](?:npm:|jsr:|https?:)/m.test(Deno.readTextFileSync(path))
    );
  assertEquals(strays.map((path) => relative(ROOT, path)), []);
});

Deno.test("tasks and scripts start with the permissions that they need", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json"))) as {
    tasks: Record<string, { readonly command: string }>;
  };
  const commands = [
    ...Object.entries(tasks).map(([name, { command }]) => [name, command] as const),
    ...Object.entries(SCRIPTS).map(([name, { deno }]) => [name, deno.join(" ")] as const),
  ];
  assert(commands.length > 25, `${commands.length} commands`);
  const unbounded = commands.filter(([, command]) =>
    /(?:^| )(?:-A|--allow-all)(?: |$)/.test(command)
  );
  // Playwright reads /proc/version, and Deno permits that only if everything is permitted.
  assertEquals(unbounded.map(([name]) => name), ["test-vscode"]);
});

Deno.test("the page lists every package of the lock file, each under a licence that is welcome", () => {
  const rows = readLicences(Deno.readTextFileSync(LICENCES_PAGE));
  const listed = rows.map(({ name, version }) => `${name} ${version}`);
  assertEquals(listed, dependencies.packages.map(({ name, version }) => `${name} ${version}`));
  const strays = rows.filter(({ licence }) => !WELCOME.has(licence));
  assertEquals(strays.map(({ licence, name }) => [name, licence]), [["axe-core", "MPL-2.0"]]);
  assert(NOT_BUNDLED.includes("axe-core"), "only what no user gets may have it");
});

Deno.test("the page says of each package that is at hand what the package says", async () => {
  const { output } = await runDeno(["info", "--json"], { folder: ROOT });
  const licenceOf = licencesBelow((JSON.parse(output) as { npmCache: string }).npmCache);
  const rows = readLicences(Deno.readTextFileSync(LICENCES_PAGE));
  for (const { broughtBy: by, licence, name, version } of rows) {
    assertEquals(licenceOf(name, version) ?? licence, licence, name);
    const roots = broughtBy(name, dependencies).filter((root) => root !== name);
    assertEquals(by, roots.join(", ") || "dmalab", name);
  }
  // Some packages are always installed, because these tests use them.
  assert(rows.some(({ name, version }) => licenceOf(name, version) !== null));
});

/**
 * Packages that no user gets with dmalab. Tests and builds need them, or they are downloaded when
 * drivers in C need them.
 */
const NOT_BUNDLED = [
  "@xterm/headless",
  "@types/vscode",
  "@yowasp/clang",
  "axe-core",
  "playwright-core",
  "typescript",
  // Packages of the extension for VS Code, which is a separate package, and of the tests of its
  // grammar.
  "balanced-match",
  "brace-expansion",
  "minimatch",
  "semver",
  "vscode-languageclient",
  "vscode-oniguruma",
  "vscode-textmate",
];

Deno.test("the package has a licence text for every package that is bundled", () => {
  using folder = new TempFolder();
  const names = ["launch", "main", "mod", "postinstall", "recording", "run", "scenarios", "worker"];
  const paths = names.map((name) => `bin/entries/${name}.ts`);
  // The playground contains the texts of the packages that are bundled in it.
  const entries = [...paths, "extensions/page/playground_main.ts"].map((path) =>
    pathToFileURL(join(ROOT, path))
  );
  assertEquals(writeLicences(entries, folder.path), null);
  const text = Deno.readTextFileSync(folder.at(LICENCES));
  const parts = text.split(/^={80}\n/m).slice(1);
  const heads = parts.filter((_, index) => index % 2 === 0);
  const bundled = dependencies.packages.filter(({ name }) => !NOT_BUNDLED.includes(name));
  assertEquals(
    // Below a package stands what it notes of its copyright.
    heads.flatMap((head) => head.trim().split("\n")).filter((line) => !line.startsWith(" "))
      .toSorted(),
    bundled.map(({ name, version }) => `${name} ${version}`).toSorted(),
  );
  for (const [index, part] of parts.entries()) {
    if (index % 2 === 1) {
      assertMatch(part, /^\n(?=[^]{300})[^]*\b(?:permi|licen[cs]e)/i, heads[index - 1]);
    }
  }
  // No text is invented for a package that is missing.
  const gone = [pathToFileURL(folder.at("gone.ts"))];
  assertStringIncludes(writeLicences(gone, folder.path) ?? "", "gone.ts");
});

Deno.test("licenceRows() follows who needs whom, and refuses to guess a licence", () => {
  const two: Dependencies = {
    asked: ["npm:/upper@1.0.0/"],
    locked: ["npm:upper@1.0.0"],
    packages: [
      { name: "lower", version: "2.0.0", integrity: "", needs: [] },
      { name: "upper", version: "1.0.0", integrity: "", needs: ["lower"] },
    ],
  };
  const rows = licenceRows(two, () => "MIT");
  assertEquals(rows.map((row) => row.broughtBy), ["upper", "dmalab"]);
  assertEquals(readLicences(withLicences("# Page\n", rows)), rows);
  assertThrows(() => licenceRows(two, () => null), Error, "lower 2.0.0 is not downloaded");
});
