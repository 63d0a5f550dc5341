/**
 * `dmalab tree drivers`: first reports of the PCI drivers of a tree, as a table. A driver's row is written when its
 * report is done, so that a run that was stopped goes on with the next driver.
 */
import { TreeError, versionOf } from "@dmalab/runtime/kernels";
import {
  type FirstReport,
  NO_REPORT,
  noDrivers,
  reportOfMany,
  TreeCompiler,
} from "@dmalab/c_drivers";
import {
  HostTree,
  keepCompiler,
  makeNamedFolder,
  MemoryScreen,
  readHostFile,
  rewriteFile,
} from "@dmalab/cli";
import { join, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { formatCount } from "@dmalab/lang/text";
import { drawn } from "./drawn.ts";
import { refuseWith } from "./run_tree.ts";

const REGISTERS = /\b(?:pci_register_driver|module_pci_driver|builtin_pci_driver)[ \t]*\(/;
/** Folders of a tree with drivers. */
const FOLDERS = ["drivers", "sound"];
const ROWS = "drivers.jsonl";
/** Largest size of the table of an earlier run. */
const MAX_BYTES = 2 ** 26;
/** Most needs that the summary lists. */
const MOST_NEEDS = 20;

/** A row of the table: a driver, with the tree's release and what its first report says. */
export interface DriverRow extends FirstReport {
  readonly path: string;
  readonly release: string;
  /** Why the driver could not be read; null if it was. */
  readonly problem: string | null;
}

export interface DriversWanted {
  /** Folder for the table and the reports. */
  readonly out: string;
  /** How many drivers are drawn; null for all. */
  readonly draw: number | null;
  readonly seed: number;
}

/** Makes the reports that are not there yet, and prints the table. */
export async function runTreeDrivers(
  folder: string,
  { draw, out, seed }: DriversWanted,
  screen: Screen,
): Promise<ExitCode> {
  const problem = noDrivers();
  if (problem !== null) return refuseWith(problem.problem, problem.hint, screen);
  try {
    const tree = new HostTree(folder);
    const all = driversIn(tree);
    const wanted = drawn(all, draw ?? all.length, seed);
    const { major, patch } = versionOf(tree);
    const release = `${major}.${patch}`;
    screen.out(
      `tree ${release} | ${formatCount(all.length, "PCI driver")}, ${wanted.length} wanted\n`,
    );
    makeNamedFolder(out);
    const known = rowsIn(out, release);
    keepCompiler();
    const rows: DriverRow[] = [];
    for (const path of wanted) {
      screen.progress(`${rows.length} of ${wanted.length}: ${path}`);
      const row = known.get(path) ?? await rowOf(tree, path, { out, release });
      if (!known.has(path)) {
        known.set(path, row);
        const text = [...known.values()].map((each) => `${JSON.stringify(each)}\n`).join("");
        rewriteFile({ folder: out, name: ROWS }, text);
      }
      rows.push(row);
      screen.out(`${rowText(row)}\n`);
      screen.flush?.();
    }
    screen.out(`\n${summaryOf(rows).join("\n")}\n`);
    return HELD;
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return refuseWith(error.message, error.hint, screen);
  } finally {
    keepCompiler(false);
    await new TreeCompiler().close();
  }
}

/** Files of a tree that register a PCI driver, in the order of their paths. */
export function driversIn(tree: Pick<HostTree, "entries" | "text">): readonly string[] {
  const found: string[] = [];
  const walk = (folder: string) => {
    for (const { isFolder, name } of tree.entries(folder)) {
      const path = `${folder}/${name}`;
      if (isFolder) walk(path);
      else if (name.endsWith(".c") && REGISTERS.test(tree.text(path) ?? "")) found.push(path);
    }
  };
  for (const folder of FOLDERS) walk(folder);
  return found.toSorted();
}

/** The report of one driver. Its files lie in a folder of its own. */
async function rowOf(
  tree: HostTree,
  path: string,
  { out, release }: { readonly out: string; readonly release: string },
): Promise<DriverRow> {
  const at = path.lastIndexOf("/");
  const asked = {
    module: join(tree.root, path.slice(0, at)),
    file: path.slice(at + 1),
    kernel: null,
    // The name of a source ends like a file's, and a folder is wanted.
    folder: join(out, path.replace(/\.c$/, "").replaceAll("/", "__")),
  };
  try {
    const report = await reportOfMany(asked, new MemoryScreen());
    return { path, release, ...report, problem: null };
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return { path, release, ...NO_REPORT, problem: error.message };
  }
}

/** The rows of an earlier run with the same release. A line that is cut off is left out. */
function rowsIn(out: string, release: string): Map<string, DriverRow> {
  const file = readHostFile(join(out, ROWS), { mostBytes: MAX_BYTES, followsLinks: false });
  if (!file.found && file.reason !== "not_found") {
    throw new TreeError(file.problem, `name another folder with --out, or remove ${ROWS}`);
  }
  const lines = file.found ? file.text.split("\n").filter((line) => line !== "") : [];
  const rows = lines.flatMap((line) => parsedRow(line) ?? []);
  return new Map(rows.filter((row) => row.release === release).map((row) => [row.path, row]));
}

export function parsedRow(line: string): DriverRow | null {
  try {
    const row = JSON.parse(line) as Partial<DriverRow> | null;
    const isRow = typeof row?.path === "string" && typeof row.release === "string" &&
      typeof row.compiles === "boolean" && typeof row.maps === "boolean" &&
      Array.isArray(row.missing) && Array.isArray(row.stubs);
    return isRow ? row as DriverRow : null;
  } catch {
    return null;
  }
}

/** A driver's line: how far it comes, and what it needs to get further. */
export function rowText(row: DriverRow): string {
  const probes = row.maps ? "probes, maps memory" : "probes";
  const reached = row.passes
    ? `${probes}, is removed`
    : row.probes
    ? probes
    : row.compiles
    ? "compiles"
    : "-";
  const need = row.problem ?? row.missing[0] ?? row.failure;
  return `${row.path} | ${reached}${need === null || need === undefined ? "" : ` | ${need}`}`;
}

/** Counts, and the functions that most drivers lack. */
export function summaryOf(rows: readonly DriverRow[]): readonly string[] {
  const count = (is: (row: DriverRow) => boolean) => rows.filter(is).length;
  const stubs = rows.flatMap((row) => row.stubs.map((stub) => /^\w+/.exec(stub)?.[0] ?? stub));
  const named = [...Map.groupBy(stubs, (name) => name)].map(([name, all]) =>
    [name, all.length] as const
  ).toSorted(([one, a], [other, b]) => b - a || (one < other ? -1 : 1));
  return [
    `${formatCount(rows.length, "driver")} | ${count((row) => row.compiles)} compile, ${
      count((row) => row.probes)
    } probe, ${count((row) => row.probes && row.maps)} of them map memory, ${
      count((row) => row.passes)
    } are removed without a finding`,
    ...named.slice(0, MOST_NEEDS).map(([name, drivers]) =>
      `  ${formatCount(drivers, "driver")} called ${name}(), which dmalab does not have`
    ),
  ];
}
