/**
 * `deno task demo-c`: compiles the driver of `extensions/c_drivers/drivers/nic/`, and makes each of its fallible calls
 * fail in turn. Then it repeats this with a bug planted in the driver's error path.
 */
import { runProgramWith } from "@dmalab/lang/run";
import { painter } from "@dmalab/lang/text";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import { outcomeLine } from "@dmalab/cli/scenario";
import { diagnosticStyle } from "@dmalab/cli/presentation";
import { loadPatched } from "./patched.ts";

const FOLDER = "extensions/c_drivers/drivers/nic";
const BUG = `${FOLDER}/bugs/03-leak-in-error-path.patch`;
const TEST = "everything that can fail fails once [iommu.mode = strict]";

async function main(): Promise<number> {
  const paint = painter(Deno.stdout.isTerminal() && !Deno.noColor);
  const patch = Deno.readTextFileSync(BUG);
  console.log(`compiling ${FOLDER}/ring_nic.c, and the same with ${BUG}`);
  const loaded = await loadPatched(`${FOLDER}/ring_nic.dma`, [
    null,
    { file: "ring_nic.c", text: patch },
  ]);
  for (const { diagnostics, program } of loaded) {
    if (program === null) {
      console.error(renderDiagnostics(diagnostics));
      return 2;
    }
  }
  const [intact, planted] = loaded.map(({ program }) => {
    const style = diagnosticStyle(paint);
    const { outcomes } = runProgramWith(null, program!, { only: "tests", match: [TEST], style });
    return outcomes.find(({ failure, outcome }) => failure !== null || outcome === "passed")!;
  });
  console.log(`\n${outcomeLine(intact!, paint)}`);
  console.log(`\n${patch.trimEnd()}\n\n${outcomeLine(planted!, paint)}\n`);
  for (const line of planted!.failure?.lines ?? []) console.log(line);
  return intact!.failure === null && planted!.failure !== null ? 0 : 1;
}

Deno.exit(await main());
