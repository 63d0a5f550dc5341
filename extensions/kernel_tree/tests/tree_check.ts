/**
 * `deno task script tree-check DIR [LIST] [--seed N] [--count N] [--clang PROGRAM] [--drivers]`:
 * compiles files of a kernel tree: the files in LIST, or files drawn at random from all files with
 * DMA calls. Prints `N of M` as its last line. With `--drivers` it draws from the files in the
 * folders of `DRIVERS` that register a PCI or platform driver, and only prints the paths of the
 * drawn files.
 */
import { drawn } from "../all_drivers/drawn.ts";
import { firstError, SessionClang, TreeBuild } from "@dmalab/c_drivers";
import { parseArgs } from "node:util";
import { HostTree } from "@dmalab/cli";
import { median } from "@dmalab/cli/bench";
import { TreeError } from "@dmalab/runtime/kernels";
import { SystemClang } from "./tree/system_clang.ts";

const USUAL_LIST = "extensions/kernel_tree/tests/tree/drawn.txt";
const USUAL_COUNT = 200;
/** Folders with drivers and mapping code. */
const FOLDERS = ["block", "drivers", "kernel/dma", "mm", "net", "sound"];
/** Folders of drivers for network, storage, MMC, SPI, DMA engines, crypto and media. */
const DRIVERS = ["ata", "block", "crypto", "dma", "media", "mmc", "net", "nvme", "scsi", "spi"]
  .map((name) => `drivers/${name}`);
const REGISTERED =
  /\bstatic\s+(?:const\s+)?struct\s+(?:pci|platform)_driver\s+\w+\s*(?:__\w+\s*)?=/;
const DMA_CALL = /\b(?:dma_(?:map|alloc|pool|iova|sync)_\w+|dmam_alloc_\w+)\s*\(/;

function optionsOf(args: string[]) {
  const { positionals: [folder, list = null], values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      count: { type: "string", default: String(USUAL_COUNT) },
      clang: { type: "string" },
      drivers: { type: "boolean", default: false },
    },
  });
  const { clang = null, count, drivers: areDrivers, seed } = values;
  if (folder === undefined) {
    console.error(
      "usage: deno task script tree-check DIR [LIST] [--seed N] [--count N] [--clang PROGRAM] [--drivers]",
    );
    Deno.exit(2);
  }
  return {
    folder,
    list: list ?? (seed === undefined ? USUAL_LIST : null),
    seed: Number(seed ?? 1),
    count: Number(count),
    clang,
    areDrivers,
  };
}

/** All files with DMA calls in some folders, sorted, whatever they need to compile. */
function candidates(files: HostTree, areDrivers: boolean): readonly string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const { isFolder, name } of files.entries(folder)) {
      const path = `${folder}/${name}`;
      if (isFolder) walk(path);
      else if (name.endsWith(".c")) {
        const text = files.text(path) ?? "";
        if (DMA_CALL.test(text) && (!areDrivers || REGISTERED.test(text))) found.push(path);
      }
    }
  };
  for (const folder of areDrivers ? DRIVERS : FOLDERS) walk(folder);
  return found;
}

function medianText(milliseconds: readonly number[]): string {
  return `${(median(milliseconds) / 1000).toFixed(2)} s`;
}

async function main(options: ReturnType<typeof optionsOf>): Promise<number> {
  const { areDrivers, clang: program, count, folder, list, seed } = options;
  const tree = new HostTree(folder);
  if (areDrivers) {
    for (const path of drawn(candidates(tree, true), count, seed)) console.log(path);
    return 0;
  }
  const clang = program === null ? new SessionClang() : new SystemClang(program);
  const build = new TreeBuild(tree, clang, program === null);
  console.log(`tree ${build.version.name}`);
  const all = list === null ? candidates(tree, false) : [];
  if (list === null) console.log(`${all.length} files have DMA calls`);
  const wanted = list === null
    ? drawn(all, count, seed)
    : Deno.readTextFileSync(list).split("\n").filter((line) => line !== "").slice(0, count);
  const paths = wanted.filter((path) => tree.text(path) !== null);
  const absent = wanted.length - paths.length;
  if (absent > 0) console.log(`${absent} of ${wanted.length} files are not in this tree`);
  const [cold, warm]: [number[], number[]] = [[], []];
  let [compiled, within, elsewhere] = [0, 0, 0];
  for (const path of paths) {
    const begun = performance.now();
    const { how, isKept, module, said } = await build.file(path, ["-c"]);
    const took = performance.now() - begun;
    (isKept ? warm : cold).push(took);
    if (module !== null) compiled++;
    if (how?.startsWith("within ")) within++;
    else if (how !== undefined) elsewhere++;
    console.log(
      `${(took / 1000).toFixed(2)} s ${isKept ? "kept " : ""}${
        module === null ? "FAILED " : ""
      }${path}${how === undefined ? "" : `, ${how}`}`,
    );
    if (module === null) console.log(`  ${firstError(said)}`);
  }
  await clang.close();
  if (cold.length > 0) console.log(`median of ${cold.length} compiled files: ${medianText(cold)}`);
  if (warm.length > 0) console.log(`median of ${warm.length} kept files: ${medianText(warm)}`);
  console.log(`${elsewhere} for another architecture, ${within} within a file that includes it`);
  console.log(`${compiled} of ${paths.length}`);
  return 0;
}

try {
  Deno.exit(await main(optionsOf(Deno.args)));
} catch (error) {
  if (!(error instanceof TreeError)) throw error;
  console.error(`error: ${error.message}\n  hint: ${error.hint}`);
  Deno.exit(2);
}
