/** `dmalab tree`: compiles files of a kernel tree, and compares its IOVA allocator with the model. */
import { TreeError } from "../../c_drivers/tree/tree_files.ts";
import { compareSequences, type IovaDifference } from "../../instruments/oracle/iova_compare.ts";
import { type IovaAnswer, IovaModel } from "../../instruments/oracle/iova_operations.ts";
import { formatCount } from "../../lang/text/numbers.ts";
import { noDrivers } from "../c/clang.ts";
import { HostTree } from "../c/host_tree.ts";
import { TreeBuild } from "../c/tree_build.ts";
import { SessionClang } from "../c/tree_clang.ts";
import { type ExitCode, FAILED, HELD, WRONG } from "../exit_code.ts";
import type { Screen } from "../screen.ts";
import { buildTreeAllocator } from "./tree_allocator_build.ts";

const USUAL_CASES = 200;
const USUAL_SEED = 1;
/** Operations of one sequence. */
const SEQUENCE_LENGTH = 500;

/** Opens a tree and a compiler, and reports the errors of both. */
async function withTree(
  folder: string,
  screen: Screen,
  work: (build: TreeBuild) => Promise<ExitCode>,
): Promise<ExitCode> {
  const problem = noDrivers();
  const refuse = (message: string, hint: string): ExitCode => {
    screen.err(`error: ${message}\n  hint: ${hint}\n`);
    return WRONG;
  };
  if (problem !== null) return refuse(problem.problem, problem.hint);
  let clang: SessionClang | null = null;
  try {
    const tree = new HostTree(folder);
    clang = new SessionClang();
    return await work(new TreeBuild(tree, clang));
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    return refuse(error.message, error.hint);
  } finally {
    await clang?.close();
  }
}

export function runCompile(
  folder: string,
  paths: readonly string[],
  screen: Screen,
): Promise<ExitCode> {
  return withTree(folder, screen, async (build) => {
    let compiled = 0;
    for (const path of paths) {
      const { fileCount, isKept, module, said } = await build.file(path, ["-c"]);
      const how = module === null ? "FAILED" : isKept ? "kept" : "ok";
      screen.out(`${path} ... ${how} (${formatCount(fileCount, "file")})\n`);
      if (module === null) screen.out(said);
      else compiled++;
    }
    screen.out(`\n${build.version.name} | ${compiled} of ${paths.length}\n`);
    return compiled === paths.length ? HELD : FAILED;
  });
}

export function runCompare(
  folder: string,
  { cases, seed }: { readonly cases: number | null; readonly seed: number | null },
  screen: Screen,
): Promise<ExitCode> {
  return withTree(folder, screen, async (build) => {
    const make = await buildTreeAllocator(build);
    const count = cases ?? USUAL_CASES;
    const first = seed ?? USUAL_SEED;
    const found = compareSequences([() => new IovaModel(), make], {
      count,
      length: SEQUENCE_LENGTH,
      seed: first,
    });
    const what = `${
      formatCount(count, "sequence")
    } of ${SEQUENCE_LENGTH} operations from seed ${first}`;
    if (found === null) {
      screen.out(`ok | drivers/iommu/iova.c of ${build.version.name} | ${what} | no difference\n`);
      return HELD;
    }
    screen.out(`${differenceLines(found, build.version.name).join("\n")}\n`);
    return FAILED;
  });
}

function differenceLines({ one, operations, other }: IovaDifference, release: string): string[] {
  const last = operations.at(-1);
  const differs = Object.keys({ ...one, ...other }).filter((name) =>
    JSON.stringify(one[name]) !== JSON.stringify(other[name]) && (name in one && name in other)
  );
  const shown = (answer: IovaAnswer) =>
    "stopped" in answer
      ? String(answer["stopped"])
      : JSON.stringify(Object.fromEntries(differs.map((name) => [name, answer[name]])));
  return [
    `found | drivers/iommu/iova.c of ${release} differs from the model`,
    "",
    ...operations.slice(0, -1).map((operation) => `  ${JSON.stringify(operation)}`),
    `  ${JSON.stringify(last)}`,
    `    model ${shown(one)}`,
    `    tree  ${shown(other)}`,
  ];
}
