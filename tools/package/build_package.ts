/**
 * The npm package `dmalab`, as a folder: the runner, the command, the library, and their types.
 *
 * Deno runs TypeScript from a checkout but not from inside `node_modules`. Therefore the package contains bundles. The
 * runner is a separate bundle, because each further file adds time to every start of a scenario. A part that only some
 * scenarios need is loaded on demand. The command is `lib/bin.js`. If a shell starts it, it runs `launch.sh`; if Node
 * starts it, it runs `launch.js`. Code and types are in `lib/`, so that a reader of the folder sees the manual.
 */
import { cpSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { PERMISSIONS } from "@dmalab/bin/all_commands";
import { DENO_VERSION, VERSION } from "@dmalab/cli/extend";
import { bundle, runProjectDeno, SourceCopy } from "./bundle.ts";
import { PROJECT } from "../project.ts";
import { buildPageFrom, REPORT_PLAN } from "../web/build_page.ts";
import { writeLicences } from "./licences.ts";
import { BIN_TEXT, shellLauncher } from "./shell_launcher.ts";

/** Bundles, each of some entries that share their code. */
const BUNDLES: readonly (readonly URL[])[] = [
  [new URL("../../bin/entries/run.ts", import.meta.url)],
  [new URL("../../bin/entries/launch.ts", import.meta.url)],
  [new URL("../../bin/entries/postinstall.ts", import.meta.url)],
  [
    new URL("../../bin/entries/main.ts", import.meta.url),
    new URL("../../bin/entries/mod.ts", import.meta.url),
    new URL("../../bin/entries/recording.ts", import.meta.url),
    new URL("../../bin/entries/scenarios.ts", import.meta.url),
    new URL("../../bin/entries/worker.ts", import.meta.url),
  ],
];

/**
 * Modules that users import: each key is the name of a bundle, its value the module that declares
 * the types of the bundle.
 */
const LIBRARY = {
  mod: "mod.ts",
  recording: "recording/library.ts",
  scenarios: "cli/testing/register_scenarios.ts",
} as const;

/**
 * Files that are copied unchanged: the manual, the headers and sources that C drivers are compiled
 * with, the scenarios that reviews run, and the drivers and scenarios that the manual mentions.
 */
const AS_THEY_ARE = [
  "CHANGELOG.md",
  "docs",
  "examples",
  "extensions/c_drivers/include",
  "extensions/real_kernel/guest",
  "extensions/real_kernel/requests",
  "extensions/c_drivers/compiler/compiler",
  "extensions/c_drivers/drivers",
  "extensions/c_drivers/tests/c",
  "extensions/kernel_tree/drivers",
  "extensions/kernel_tree/tests/tree/drawn.txt",
  "extensions/kernel_tree/tests/tree/mini",
  "extensions/kernel_tree/tests/tree/mini.dma",
];

/** Pages about the sources. The package does not have these pages. */
const NOT_COPIED = "docs/dev";

/** The folder of the code, and the folder of the declarations in it. */
const LIB = "lib";
const TYPES = "types";

/** The path of an entry's declarations, from the folder of the code. */
function typesOf(entry: keyof typeof LIBRARY): string {
  return `./${TYPES}/${LIBRARY[entry].replace(/\.ts$/, ".d.ts")}`;
}

function exported(entry: keyof typeof LIBRARY) {
  return { types: `./${LIB}/${typesOf(entry).slice(2)}`, default: `./${LIB}/${entry}.js` };
}

const PACKAGE_JSON = {
  name: "dmalab",
  version: VERSION,
  description: "A laboratory for DMA mapping: scenarios, a faithful simulation, and a stepper",
  keywords: ["dma", "iommu", "linux", "nvme", "simulation"],
  license: "MIT",
  type: "module",
  engines: { node: ">=20" },
  bin: { dmalab: `${LIB}/bin.js` },
  // Node runs no module in a folder with a backslash in its name. The installation must not fail there.
  scripts: { postinstall: `node ${LIB}/postinstall.js || exit 0` },
  dependencies: { deno: DENO_VERSION },
  exports: {
    ".": exported("mod"),
    "./recording": exported("recording"),
    "./test": exported("scenarios"),
    "./run": `./${LIB}/run.js`,
    "./*.dma": `./${LIB}/run.js`,
  },
};

/**
 * Writes the package into a folder, which is created. Needs permission to run Deno itself.
 *
 * @param withTypes Whether to write the type declarations. Writing them takes some seconds, and the
 *   package runs without them.
 * @returns The error message; null on success.
 */
export function buildPackage(folder: string, withTypes = true): string | null {
  Deno.mkdirSync(folder, { recursive: true });
  const foreign = removeEarlier(folder);
  if (foreign !== null) return foreign;
  // Written first, so that an interrupted build is recognised as a package of dmalab and can be
  // repeated.
  Deno.writeTextFileSync(
    join(folder, "package.json"),
    `${JSON.stringify(PACKAGE_JSON, null, 2)}\n`,
  );
  using sources = new SourceCopy([...BUNDLES.flat(), REPORT_PLAN.entry]);
  const lib = join(folder, LIB);
  Deno.mkdirSync(lib);
  const made = [
    bundle(BUNDLES, sources, lib),
    writeLicences(BUNDLES.flat(), folder),
    ...withTypes ? [declare(Object.values(LIBRARY), join(lib, TYPES))] : [],
  ];
  const problem = made.find((each) => each !== null);
  if (problem !== undefined) return `The package cannot be built: ${problem}`;
  Deno.copyFileSync(join(PROJECT, "LICENSE"), join(folder, "LICENSE"));
  const readme = Deno.readTextFileSync(join(PROJECT, "docs/install.md"));
  // In the package this page is one folder higher, next to `docs`.
  Deno.writeTextFileSync(
    join(folder, "README.md"),
    readme.replaceAll(/\]\((?!\w+:|#)/g, "](docs/"),
  );
  for (const path of AS_THEY_ARE) {
    cpSync(join(PROJECT, path), join(folder, path), {
      recursive: true,
      filter: (each) => relative(PROJECT, each) !== NOT_COPIED,
    });
  }
  Deno.writeTextFileSync(join(lib, "permissions.json"), `${JSON.stringify(PERMISSIONS)}\n`);
  Deno.writeTextFileSync(join(lib, "report.html"), buildPageFrom(sources, REPORT_PLAN));
  if (withTypes) {
    for (const entry of Object.keys(LIBRARY) as (keyof typeof LIBRARY)[]) {
      // If a program imports the file by its path, not through package.json, the first line of the
      // file leads to the types.
      prepend(join(lib, `${entry}.js`), `// @ts-self-types="${typesOf(entry)}"`);
    }
  }
  leaveOutOfCoverage(lib);
  const bin = join(folder, PACKAGE_JSON.bin.dmalab);
  Deno.writeTextFileSync(bin, BIN_TEXT);
  if (Deno.build.os !== "windows") Deno.chmodSync(bin, 0o755);
  Deno.writeTextFileSync(join(lib, "launch.sh"), shellLauncher(PERMISSIONS, VERSION));
  return null;
}

/** Results of other tasks in `dist/`. */
const OTHER_RESULTS = ["web", "site", "dmalab.vsix"];

/**
 * Removes an earlier package, because its bundles have other names than the new ones and would
 * stay.
 * @returns The error message, if the folder contains other files.
 */
function removeEarlier(folder: string): string | null {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => !OTHER_RESULTS.includes(name));
  if (names.length === 0) return null;
  const manifest = join(folder, "package.json");
  if (!names.includes("package.json") || nameIn(manifest) !== PACKAGE_JSON.name) {
    return `"${folder}" has files, and is no package of dmalab: remove them, or name an empty folder`;
  }
  for (const name of names) Deno.removeSync(join(folder, name), { recursive: true });
  return null;
}

function nameIn(manifest: string): unknown {
  try {
    return (JSON.parse(Deno.readTextFileSync(manifest)) as { readonly name?: unknown }).name;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** @returns The error message; null on success. */
function declare(modules: readonly string[], folder: string): string | null {
  const program = fileURLToPath(new URL("./declarations_main.ts", import.meta.url));
  return runProjectDeno("run", [
    "--no-prompt",
    "-R",
    "-W",
    "--allow-env",
    program,
    folder,
    ...modules,
  ]);
}

/** Excludes the bundles from users' coverage: Deno reads this comment in the first line. */
function leaveOutOfCoverage(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.endsWith(".js")) continue;
    prepend(join(folder, name), "// deno-coverage-ignore-file");
  }
}

function prepend(path: string, line: string): void {
  Deno.writeTextFileSync(path, `${line}\n${Deno.readTextFileSync(path)}`);
}
