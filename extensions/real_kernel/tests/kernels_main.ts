/**
 * `deno task kernels [-o DIR] KERNEL…`: compares, captures and runs on each kernel, an image or a package. A
 * package or folder with a name that begins with `linux-modules` or `modules` belongs to the kernel before it.
 *
 * Writes the captures as golden data (`guests/`), and `boots/RELEASE.json` with the verdicts. In no suite: a kernel takes
 * some minutes of processor time by emulation.
 */
import { dmalab, scenariosBelow } from "@dmalab/tests";
import { parseArgs } from "node:util";
import { basename, join } from "node:path";

interface NamedKernel {
  readonly kernel: string;
  readonly modules: readonly string[];
}

const USUAL_FOLDER = "tests/golden";
/** Verdicts differ, or nothing ran: the result has them all the same. */
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

async function kernelCommand(words: readonly string[], { kernel, modules }: NamedKernel) {
  const named = ["--kernel", kernel, ...modules.flatMap((path) => ["--modules", path])];
  const { code, errors, output } = await dmalab("kernel", ...words, ...named, "--json");
  if (RESULT_CODES.includes(code)) return JSON.parse(output);
  console.error(errors);
  Deno.exit(2);
}

const { positionals, values: { out } } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { out: { type: "string", short: "o", default: USUAL_FOLDER } },
});
if (positionals.length === 0) {
  console.error("usage: deno task kernels [-o DIR] KERNEL…");
  Deno.exit(2);
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
