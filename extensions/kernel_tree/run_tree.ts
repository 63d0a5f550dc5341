/**
 * `dmalab tree`: compiles files of a kernel tree, and compares the tree's mapping code with the model or with
 * another tree.
 */
import { TreeError } from "@dmalab/runtime/kernels";
import { type Compared, differingFields, type OperationResult, STOPPED } from "./oracle/compare.ts";
import { printable } from "@dmalab/lang/diagnostics";
import { formatCount } from "@dmalab/lang/text";
import { noDrivers } from "@dmalab/c_drivers";
import {
  type JobCount,
  OrderedPlan,
  refuse,
  runEndedBySignals,
  type Screen,
} from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import { type Cases, type Oracle, ORACLES } from "./oracles.ts";
import {
  compareOracle,
  type OpenedTrees,
  openTrees,
  type OracleEnd,
  type OracleJob,
  type OracleMessage,
} from "./oracle_job.ts";

/** Opens trees and a compiler, runs work with them, and reports errors. */
async function withTrees(
  folders: OracleJob["folders"],
  screen: Screen,
  work: (opened: OpenedTrees) => Promise<ExitCode>,
): Promise<ExitCode> {
  const problem = noDrivers();
  if (problem !== null) return refuseWith(problem.problem, problem.hint, screen);
  let opened: OpenedTrees | null = null;
  try {
    opened = openTrees(folders);
    return await work(opened);
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return refuseWith(error.message, error.hint, screen);
  } finally {
    await opened?.clang.close();
  }
}

/** Prints why a command does nothing, and what to do. @returns The exit code. */
export function refuseWith(problem: string, hint: string, screen: Screen): ExitCode {
  return refuse(`${problem}\n  hint: ${hint}`, screen);
}

export function runCompile(
  folder: string,
  paths: readonly string[],
  screen: Screen,
): Promise<ExitCode> {
  return withTrees([folder], screen, async ({ one: build }) => {
    let compiled = 0;
    for (const path of paths) {
      const { fileCount, how: place, isKept, module, said } = await build.file(path, ["-c"]);
      const how = module === null ? "FAILED" : isKept ? "kept" : "ok";
      const where = place === undefined ? "" : ` ${place}`;
      screen.out(`${path} ... ${how}${where} (${formatCount(fileCount, "file")})\n`);
      if (module === null) screen.out(said);
      else compiled++;
    }
    screen.out(`\n${build.version.name} | ${compiled} of ${paths.length}\n`);
    return compiled === paths.length ? HELD : FAILED;
  });
}

/** The comparisons for paths of mapping code, or what is wrong with a path. */
export function oraclesOf(paths: readonly string[]): readonly Oracle[] | string {
  const unknown = paths.find((path) => !ORACLES.some((each) => each.paths.includes(path)));
  if (unknown !== undefined) {
    const names = ORACLES.flatMap(({ paths }) => paths).join(", ");
    return `cannot compare "${printable(unknown)}"; expected one of: ${names}`;
  }
  return paths.length === 0
    ? ORACLES
    : ORACLES.filter((each) => each.paths.some((path) => paths.includes(path)));
}

export interface CompareOptions {
  readonly cases: Cases;
  readonly jobs: JobCount;
}

/** @param folders One tree to compare with the model; or two trees, before and after a change. */
export function runCompare(
  folders: OracleJob["folders"],
  oracles: readonly Oracle[],
  { cases, jobs }: CompareOptions,
  screen: Screen,
): Promise<ExitCode> {
  return withTrees(folders, screen, async (opened) => {
    const { one, other } = opened;
    const names = other === null
      ? [`the tree (${one.version.name})`, "the model"] as const
      : [`OLD (${one.version.name})`, `NEW (${other.version.name})`] as const;
    let code: ExitCode = HELD;
    let compared = 0;
    const show = (end: OracleEnd, oracle: Oracle) => {
      if ("problem" in end) throw new TreeError(end.problem, end.hint);
      if ("lacking" in end) {
        screen.out(`skipped | ${oracle.paths[0]} | the tree has no ${end.lacking}\n`);
        return;
      }
      compared++;
      if (!printCompared(end.compared, oracle, names, cases, screen)) code = FAILED;
    };
    const plan = new OrderedPlan<OracleJob, OracleMessage>({
      count: oracles.length,
      job: (number) => {
        const path = oracles[number]!.paths[0]!;
        return { kind: "tree_oracle", number, path, folders, cases };
      },
      onNext: (end, number) => show(end, oracles[number]!),
      mayGoOn: () => true,
    });
    await runEndedBySignals(plan, {
      jobs,
      run: async (job, send) => send({ kind: "end", ...await compareOracle(job, opened) }),
    });
    if (compared > 0) return code;
    return refuseWith(
      "Nothing was compared: the trees have none of the mapping code",
      "a tree of Linux 7.2 or later has all of it; `tree diff OLD NEW FILE.dma` compares drivers",
      screen,
    );
  });
}

/** @returns Whether there is no difference. */
function printCompared(
  { difference, operations }: Compared<unknown>,
  { paths: [path] }: Oracle,
  names: readonly [string, string],
  { count, seed }: Cases,
  screen: Screen,
): boolean {
  if (difference === null) {
    const what = `${formatCount(operations, "operation")} in ${
      formatCount(count, "sequence")
    } from seed ${seed}`;
    screen.out(`ok | ${path} | ${names.join(", ")} | ${what} | no difference\n`);
    return true;
  }
  const { one, operations: sequence, other } = difference;
  const width = Math.max(...names.map((name) => name.length));
  screen.out(
    [
      `found | ${path} | ${names.join(" and ")} differ`,
      "",
      ...sequence.map((operation) => `  ${JSON.stringify(operation)}`),
      `    ${names[0].padEnd(width)} ${differingText(one, other)}`,
      `    ${names[1].padEnd(width)} ${differingText(other, one)}`,
      "",
    ].join("\n"),
  );
  return false;
}

/** The fields that differ, as JSON; all fields if the other side stopped. */
export function differingText(answer: OperationResult, other: OperationResult): string {
  if (STOPPED in answer) return String(answer[STOPPED]);
  const names = STOPPED in other ? Object.keys(answer) : differingFields(answer, other);
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, answer[name]])));
}
