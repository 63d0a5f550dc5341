/**
 * The completion script for bash, run in bash. Tests the words that the script passes to the
 * program, and its use of the program's answers.
 */
import { TempFolder } from "@dmalab/tools";
import { assertEquals } from "@std/assert";
import { dmalab } from "./dmalab_program.ts";

/** @param answer The output of `dmalab completions`. */
async function complete(folder: string, answer: string, ...words: string[]) {
  const { output } = await dmalab("completions", "bash");
  const script = `${output}
dmalab() { printf '%s\\n' "$*" >&2; printf '${answer}'; }
_dmalab 2>asked
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, success } = await new Deno.Command("bash", {
    args: ["-c", `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))\n${script}`, "bash", ...words],
    cwd: folder,
  }).output();
  assertEquals(success, true);
  return new TextDecoder().decode(stdout).trimEnd().split("\n").toSorted();
}

Deno.test({
  name: "bash completes words, scenarios and folders as the program answers",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TempFolder();
    for (const name of ["a.dma", "a b.dma", "c.txt"]) {
      folder.write(name, "");
    }
    Deno.mkdirSync(folder.at("lab"));
    const of = (answer: string, ...words: string[]) => complete(folder.path, answer, ...words);
    assertEquals(await of("run\\tRuns.\\nrepl\\n", "dmalab", "r"), ["repl", "run"]);
    assertEquals(await of("steps=\\tWork.\\n", "dmalab", "run", "--limit", "s"), ["steps="]);
    assertEquals(await of(":files.dma\\n", "dmalab", "run", ""), ["a b.dma", "a.dma", "lab"]);
    assertEquals(await of(":files\\n", "dmalab", "report", "c"), ["c.txt"]);
    assertEquals(await of(":folders\\n", "dmalab", "init", ""), ["lab"]);
  },
});
