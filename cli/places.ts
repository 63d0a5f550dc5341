/**
 * The places of files other than code: next to the folders of the sources in a checkout,
 * next to the folder of the bundle in the package.
 *
 * `tools/package/build_package.ts` lays out the package in the same way.
 */
import { fileURLToPath } from "node:url";
import { host } from "./host.ts";
import { VERSION } from "./package_version.ts";

/** True in the package: its bundle is JavaScript, in the folder `lib` of the package. */
const IS_PACKAGE = import.meta.url.endsWith(".js");

/**
 * Folder of files that checkout and package both have: `docs/`, `examples/`, `extensions/c_drivers/include/`,
 * `extensions/c_drivers/compiler/compiler/`, `LICENSE`.
 */
const ROOT = new URL("../", import.meta.url);

/**
 * Identifies this program by its version; in a checkout also by the time of the newest source in
 * ms.
 */
export function buildName(): string {
  return knownName ??= IS_PACKAGE ? VERSION : `${VERSION} ${newestMs(ROOT)}`;
}

/**
 * The name, kept after the first call: the code of this process stays the same, and a checkout has
 * 1,500 sources to examine.
 */
let knownName: string | null = null;

/** The time of the newest source in a folder, in ms; 0 without sources. */
export function newestMs(folder: URL): number {
  const times = [...host.readDirSync(folder)].map(({ isDirectory, name }) => {
    if (name.startsWith(".") || name === "dist" || name === "node_modules") return 0;
    try {
      if (isDirectory) return newestMs(new URL(`${name}/`, folder));
      return name.endsWith(".ts") ? host.statSync(new URL(name, folder)).mtime!.getTime() : 0;
    } catch (error) {
      // An editor may remove a file while the folder is read, and a link may lead nowhere.
      if (error instanceof host.errors.NotFound) return 0;
      throw error;
    }
  });
  return Math.max(0, ...times);
}

/** The folder of the package that runs, for npm to install; null for sources. */
export const PACKAGE_FOLDER: string | null = IS_PACKAGE
  ? fileURLToPath(ROOT).replace(/[\\/]$/, "")
  : null;

/** The folder of the sources, or of the package. */
export const ROOT_FOLDER: string = fileURLToPath(ROOT).replace(/[\\/]$/, "");

export const DOCS: string = fileURLToPath(new URL("docs", ROOT));
export const EXAMPLES: string = fileURLToPath(new URL("examples", ROOT));

/** The HTML page that reports are inserted into. In a checkout `deno task web` builds it. */
export const REPORT_PAGE = new URL(IS_PACKAGE ? "lib/report.html" : "dist/web/report.html", ROOT);

/** The text of a page of `docs/rules/`, by its name without the ending. */
export function readRulePage(name: string): string {
  return host.readTextFileSync(new URL(`docs/rules/${name}.md`, ROOT));
}

/** The header folder that drivers in C are compiled with. */
const HEADERS = new URL("extensions/c_drivers/include/", ROOT);

/** The folders of the scenarios that run drivers of a kernel tree. */
export const TREE_SCENARIOS: readonly string[] = [
  "extensions/c_drivers/drivers/nvme/tree",
  "extensions/kernel_tree/drivers",
  "extensions/kernel_tree/drivers/nic",
  "extensions/kernel_tree/drivers/two_step",
  "extensions/kernel_tree/drivers/vtd",
].map((folder) => fileURLToPath(new URL(folder, ROOT)));

/** The built-in requests of `dmalab kernel compare`. */
export const KERNEL_REQUESTS: string = fileURLToPath(
  new URL("extensions/real_kernel/requests/drawn.dma", ROOT),
);

/** The built-in requests of `dmalab kernel capture`. */
export const CAPTURED_REQUESTS: string = fileURLToPath(
  new URL("extensions/real_kernel/requests/captured.dma", ROOT),
);

/** The C source of the guest's program that `dmalab kernel` compiles. */
export function readGuestSource(): string {
  return host.readTextFileSync(new URL("extensions/real_kernel/guest/init.c", ROOT));
}

const COMPILER = new URL("extensions/c_drivers/compiler/compiler/compile_main.ts", ROOT);

const SYSTEM_CLANG = new URL("extensions/c_drivers/compiler/compiler/system_main.ts", ROOT);

/** The settings that pin the compiler's version; the lock file is next to them. */
export const COMPILER_CONFIG: string = decodeURIComponent(
  new URL("deno.json", COMPILER).pathname,
);

/**
 * A data: URL with the text of the compiler's program. The program is not started from its file,
 * because the package may be inside a `node_modules`. Deno runs no TypeScript inside such a folder,
 * and code inside it can load only packages that are installed.
 */
export function compilerProgram(): string {
  const program = host.readTextFileSync(COMPILER);
  return `data:application/typescript,${encodeURIComponent(program)}`;
}

/**
 * A data: URL with the text of the program that runs the system's clang. The reason is the same as
 * for the compiler's program.
 */
export function systemClangProgram(): string {
  const program = host.readTextFileSync(SYSTEM_CLANG);
  return `data:application/typescript,${encodeURIComponent(program)}`;
}

/** The lock file of the compiler's package, with its version and its hash. */
export function readCompilerLock(): string {
  return host.readTextFileSync(new URL("deno.lock", COMPILER));
}

/** Path, in the header folder, of the source that is compiled with every driver in C. */
export const SUPPORT = "dmalab/support.c";

/** Whether this program may read the header folder. */
export function areHeadersReadable(): boolean {
  return host.permissions.querySync({ name: "read", path: HEADERS }).state === "granted";
}

/** The hand-written headers, by their paths. */
export function readHeaders(): Readonly<Record<string, string>> {
  return readFolders(HEADERS, ["asm", "dmalab", "linux"]);
}

/**
 * Files with which sources of a kernel tree are compiled: headers that differ between
 * architectures; in `dmalab/`, kernel functions that use the tree's own structures; in `oracle/`, C
 * code that calls the tree's functions.
 */
export function readTreeHeaders(): Readonly<Record<string, string>> {
  return readFolders(new URL("tree/", HEADERS), [
    "asm",
    "asm/fpu",
    "asm/vdso",
    "crypto",
    "dmalab",
    "linux",
    "oracle",
  ]);
}

function readFolders(root: URL, folders: readonly string[]): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const folder of folders) {
    const names = [...host.readDirSync(new URL(`${folder}/`, root))]
      .filter(({ isFile }) => isFile).map(({ name }) => name);
    for (const name of names.toSorted()) {
      texts[`${folder}/${name}`] = host.readTextFileSync(new URL(`${folder}/${name}`, root));
    }
  }
  return texts;
}

export const JOB_WORKER = new URL(IS_PACKAGE ? "lib/worker.js" : "bin/worker.ts", ROOT);
