/**
 * `dmalab tree drivers`: first reports of the PCI drivers of a tree, as a table. A driver's row is written when its
 * report is done, so that a run that was stopped goes on with the next driver.
 */
import { TreeError, versionOf } from "@dmalab/runtime/kernels";
import { noDrivers, TreeCompiler } from "@dmalab/c_drivers";
import { HostTree, keepCompiler, makeNamedFolder, rewriteFile } from "@dmalab/cli";
import {
  type JobCount,
  join,
  OrderedPlan,
  runEndedBySignals,
  type Screen,
} from "@dmalab/cli/extend";
import type { Shard } from "@dmalab/cli/testing";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { formatCount } from "@dmalab/lang/text";
import { refuseWith } from "../run_tree.ts";
import { drawn } from "./drawn.ts";
import {
  type DriverReportJob,
  type DriverReportMessage,
  runDriverReport,
} from "./driver_report_job.ts";
import { type DriverRow, DriverRows, rowText, summaryOf } from "./driver_row.ts";
import { driversPage } from "./drivers_page.ts";

const REGISTERS = /\b(?:pci_register_driver|module_pci_driver|builtin_pci_driver)[ \t]*\(/;
/** Folders of a tree with drivers. */
const FOLDERS = ["drivers", "sound"];
const PAGE = "index.html";

export interface DriversWanted {
  /** Folder for the table and the reports. */
  readonly out: string;
  /** How many drivers are drawn; null for all. */
  readonly draw: number | null;
  readonly seed: number;
  /** The part of the drawn drivers that this run makes. */
  readonly shard: Shard;
  readonly jobs: JobCount;
}

/** Makes the reports that are not there yet, and prints the table. */
export async function runTreeDrivers(
  folder: string,
  asked: DriversWanted,
  screen: Screen,
): Promise<ExitCode> {
  const problem = noDrivers();
  if (problem !== null) return refuseWith(problem.problem, problem.hint, screen);
  const { draw, out, seed, shard } = asked;
  try {
    const tree = new HostTree(folder);
    const all = driversIn(tree);
    const wanted = drawn(all, draw ?? all.length, seed)
      .filter((_, at) => at % shard.count === shard.index);
    const { major, patch } = versionOf(tree);
    const release = `${major}.${patch}`;
    screen.out(
      `tree ${release} | ${formatCount(all.length, "PCI driver")}, ${wanted.length} wanted\n`,
    );
    makeNamedFolder(out);
    keepCompiler();
    const rows = await rowsOf(wanted, { ...asked, root: tree.root, release }, screen);
    const page = join(out, PAGE);
    rewriteFile({ folder: out, name: PAGE }, driversPage(rows, release));
    screen.out(`\n${summaryOf(rows).join("\n")}\nWrote ${page}.\n`);
    return HELD;
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return refuseWith(error.message, error.hint, screen);
  } finally {
    keepCompiler(false);
    await new TreeCompiler().close();
  }
}

interface ReportsWanted extends Pick<DriversWanted, "out" | "shard" | "jobs"> {
  readonly root: string;
  readonly release: string;
}

/** The rows of the wanted drivers, which are printed in their order. */
async function rowsOf(
  wanted: readonly string[],
  { jobs, out, release, root, shard }: ReportsWanted,
  screen: Screen,
): Promise<readonly DriverRow[]> {
  const known = new DriverRows(out, release, shard);
  const missing = wanted.filter((path) => known.get(path) === undefined);
  const rows: DriverRow[] = [];
  let ended = 0;
  /** Prints the rows up to the first driver without one. */
  const show = () => {
    for (let row; (row = known.get(wanted[rows.length] ?? "")) !== undefined;) {
      rows.push(row);
      screen.out(`${rowText(row)}\n`);
    }
    screen.flush?.();
    const next = wanted[rows.length];
    const done = wanted.length - missing.length + ended;
    if (next !== undefined) screen.progress(`${done} of ${wanted.length}: ${next}`);
  };
  show();
  const plan = new OrderedPlan<DriverReportJob, DriverReportMessage>({
    count: missing.length,
    job: (number) => {
      const path = missing[number]!;
      return { kind: "tree_driver", number, path, root, release, out };
    },
    onEnd: ({ row }) => {
      ended++;
      known.add(row);
      show();
    },
    mayGoOn: () => true,
  });
  await runEndedBySignals(plan, { jobs, run: runDriverReport });
  return rows;
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
