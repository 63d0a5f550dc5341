/**
 * What each command costs besides its work: the processor time of the command on a small input, and the files of the
 * package that it loads.
 */
import { join } from "node:path";
import { denoOptions } from "@dmalab/cli/extend";
import { type BenchResult, median } from "@dmalab/cli/bench";
import { buildPackage } from "../../package/build_package.ts";
import { PROJECT } from "../../project.ts";
import { TempFolder } from "../../temp_folder.ts";
import { type Benchmark, benchResult } from "../benchmark.ts";
import { processorSeconds } from "../child.ts";

const ROUNDS = 9;
/** Runs before the measured ones fill Deno's caches and dmalab's. */
const WARM_UPS = 2;
const SCENARIO = "start.dma";
const DRIVERS = "examples/drivers";
const LOG = "[    4.1] nvme nvme0: controller is down; will reset: CSTS=0x3, PCI_STATUS=0x10\n";
const TRACE = "  kworker-1 [000] d.h1. 1.000001: map: IOMMU: iova=0x00000000fffff000 - " +
  "0x0000000100000000 paddr=0x0000000003793000 size=4096\n";

/** The commands, with the words after `dmalab`. */
const COMMANDS: readonly (readonly [name: string, words: readonly string[]])[] = [
  ["version", ["--version"]],
  ["check", ["check", SCENARIO]],
  ["run", ["run", SCENARIO]],
  ["test", ["test", SCENARIO]],
  ["test of a driver in C", ["test", "driver/01-hunted-driver.dma"]],
  ["explain a log", ["explain", "boot.log"]],
  ["explain a code", ["explain", "E0901"]],
  ["trace check", ["trace", "check", "trace.txt"]],
  ["fmt", ["fmt", "--check", SCENARIO]],
];

/** Paths of the package's files in Deno's messages. */
const LOADED = /FileFetcher::fetch_no_follow - specifier: file:\/\/(\S+\.js)/g;

export const START_COMMANDS: Benchmark = {
  name: "start.command",
  doc:
    "what each command of the package costs on a small input: processor time, files that it loads",
  run() {
    using folder = new TempFolder();
    const problem = buildPackage(folder.at("package"), false);
    if (problem !== null) throw new Error(problem);
    prepare(folder);
    const deno = ["run", "-A", ...denoOptions(folder.at("package"))];
    const main = folder.at("package/lib/main.js");
    const emptyMs = medianMs([...deno, join(PROJECT, "tools/bench/start/empty.ts")], folder.path);
    return COMMANDS.flatMap(([name, words]): readonly BenchResult[] => {
      const args = [...deno, main, ...words];
      const { bytes, count } = loadedBy(args, folder.path);
      const ms = medianMs(args, folder.path);
      const result = `start.command.${name.replaceAll(" ", "_")}`;
      return [
        benchResult(result, ms, "ms", ms / emptyMs, "deno run of an empty file"),
        benchResult(`${result}.files`, count, "files"),
        benchResult(`${result}.size`, bytes / 1000, "kB"),
      ];
    });
  },
};

function prepare(folder: TempFolder): void {
  Deno.copyFileSync(join(PROJECT, "tools/bench/scenarios", SCENARIO), folder.at(SCENARIO));
  folder.write("boot.log", LOG);
  folder.write("trace.txt", TRACE);
  Deno.mkdirSync(folder.at("driver"));
  for (const { isFile, name } of Deno.readDirSync(join(PROJECT, DRIVERS))) {
    if (isFile) Deno.copyFileSync(join(PROJECT, DRIVERS, name), folder.at(`driver/${name}`));
  }
}

/** The median processor time of a program, its threads and its children. */
function medianMs(args: readonly string[], folder: string): number {
  const run = () => 1000 * processorSeconds([Deno.execPath(), ...args], folder);
  for (let round = 0; round < WARM_UPS; round++) run();
  return median(Array.from({ length: ROUNDS }, run));
}

/** The files of the package that a run loads: their number and their bytes together. */
function loadedBy(args: readonly string[], folder: string): { count: number; bytes: number } {
  const { stderr } = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: folder,
    env: { DENO_LOG: "debug" },
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  const found = new TextDecoder().decode(stderr).matchAll(LOADED);
  const paths = [...new Set([...found].map(([, path]) => path!))];
  if (paths.length === 0) throw new Error("Deno names no file that it loads");
  const bytes = paths.reduce((sum, path) => sum + Deno.statSync(path).size, 0);
  return { count: paths.length, bytes };
}
