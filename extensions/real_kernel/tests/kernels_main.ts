/**
 * `deno task kernels [-o DIR | --cost ROUNDS | --archive] KERNEL…`: for each kernel, an image or a package, compares the kernel with the
 * model, captures a boot, and runs scenarios. A package or folder with a name that begins with `linux-modules` or `modules`
 * belongs to the kernel before it on the command line.
 *
 * Writes the captures as golden data (`guests/`), and the verdicts as `boots/RELEASE.json`. No suite contains this test,
 * because a kernel takes some minutes of processor time by emulation.
 *
 * With `--cost ROUNDS` the task only measures the cost of 300 calls on one machine, relative to a bare boot of the same
 * kernel.
 *
 * With `--archive` the task boots nothing: it prints which modelled releases the kernels in the machine's package lists can
 * check, and what is newer.
 */
import { dmalab, scenariosBelow } from "@dmalab/tests";
import { parseArgs } from "node:util";
import { basename, join } from "node:path";
import { archiveReport, archiveText } from "./archive_rows.ts";
import { bootCost, median } from "./boot_cost.ts";

interface NamedKernel {
  readonly kernel: string;
  readonly modules: readonly string[];
}

const USUAL_FOLDER = "tests/golden";
/**
 * Exit codes of commands that print a result: 1 means that the kernel differs from the model, or
 * that a boot was not captured.
 */
const RESULT_CODES: readonly number[] = [0, 1];

function kernelsOf(paths: readonly string[]): readonly NamedKernel[] {
  const kernels: { kernel: string; modules: string[] }[] = [];
  for (const path of paths) {
    const last = kernels.at(-1);
    if (last !== undefined && /^(?:linux-)?modules/.test(basename(path))) last.modules.push(path);
    else kernels.push({ kernel: path, modules: [] });
  }
  return kernels;
}

function wordsOf({ kernel, modules }: NamedKernel): readonly string[] {
  return ["--kernel", kernel, ...modules.flatMap((path) => ["--modules", path])];
}

async function kernelCommand(words: readonly string[], named: NamedKernel) {
  const { code, errors, output } = await dmalab("kernel", ...words, ...wordsOf(named), "--json");
  if (RESULT_CODES.includes(code)) return JSON.parse(output);
  console.error(errors);
  Deno.exit(2);
}

async function printCost(named: NamedKernel, rounds: number): Promise<void> {
  const measured = await bootCost(named.kernel, wordsOf(named), rounds);
  const repeated = measured.filter(({ isRepeated }) => isRepeated).length;
  const ratios = measured.map(({ bare, compared }) => compared / bare);
  const [bare, compared] = (["bare", "compared"] as const).map((key) =>
    median(measured.map((round) => round[key])).toFixed(2)
  );
  console.log(
    `${basename(named.kernel)}: bare boot ${bare} s, 300 calls ${compared} s of processor time; ` +
      `${median(ratios).toFixed(2)} times, ${Math.min(...ratios).toFixed(2)} to ` +
      `${Math.max(...ratios).toFixed(2)} in ${rounds} rounds, ${repeated} of them with two boots`,
  );
}

/** Runs apt-cache, which reads the lists that the machine has. */
function aptCache(...args: readonly string[]): string {
  const { code, stderr, stdout } = new Deno.Command("apt-cache", { args: [...args] }).outputSync();
  if (code === 0) return new TextDecoder().decode(stdout);
  console.error(new TextDecoder().decode(stderr));
  Deno.exit(2);
}

/** What `apt-cache show` prints of each kernel in the machine's package lists. */
function listedKernels(): string {
  const found = aptCache(
    "search",
    "--names-only",
    "^linux-(image|binary|modules)-(unsigned-)?[0-9]",
  );
  const names = found.split("\n").flatMap((line) => line.split(" ")[0] || []);
  return names.length === 0 ? "" : aptCache("show", ...names);
}

const { positionals, values: { archive, cost, out } } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    archive: { type: "boolean" },
    cost: { type: "string" },
    out: { type: "string", short: "o", default: USUAL_FOLDER },
  },
});
if (archive === true) {
  const listed = listedKernels();
  if (listed === "") {
    console.error("the machine's package lists have no kernel: run `apt-get update`");
    Deno.exit(2);
  }
  console.log(archiveText(archiveReport(listed)).trimEnd());
  Deno.exit(0);
}
if (positionals.length === 0) {
  console.error("usage: deno task kernels [-o DIR | --cost ROUNDS | --archive] KERNEL…");
  Deno.exit(2);
}
if (cost !== undefined) {
  for (const named of kernelsOf(positionals)) await printCost(named, Number(cost));
  Deno.exit(0);
}
Deno.mkdirSync(join(out, "boots"), { recursive: true });
let differs = 0;
for (const named of kernelsOf(positionals)) {
  const compared = await kernelCommand(["compare"], named);
  const captured = await kernelCommand(["capture", "-o", out], named);
  const ran = await kernelCommand(
    ["run", ...scenariosBelow("examples"), "--release", "nearest"],
    named,
  );
  const { kernel, model } = compared;
  const result = { kernel, model, compared: compared.tests, captured, ran: ran.tests };
  Deno.writeTextFileSync(join(out, "boots", `${kernel}.json`), `${JSON.stringify(result)}\n`);
  for (const [name, tests] of [["compare", compared.tests], ["run", ran.tests]] as const) {
    const count = (verdict: string) =>
      tests.filter((test: { readonly verdict: string }) => test.verdict === verdict).length;
    differs += count("differs");
    console.log(
      `${kernel}, ${name}: ${count("same")} same, ${count("differs")} differ, ${
        count("not run")
      } not run`,
    );
  }
}
Deno.exit(differs > 0 ? 1 : 0);
