/**
 * `deno task script test-neovim`: tests the settings of docs/editors.md in Neovim, in headless
 * mode.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { codeBlocks } from "@dmalab/cli/scenario";
import { ROOT } from "@dmalab/tests";

const TEXT = `let size = 4KiB      # one page
print siez
print alloc_page
`;

/** What `try_all.lua` writes. */
interface Answers {
  readonly problem?: string;
  readonly diagnostic: { readonly line: number; readonly column: number; readonly message: string };
  readonly completion: readonly string[];
  readonly hover: string;
  readonly syntax: readonly string[];
  readonly formatted: readonly string[];
}

const page = Deno.readTextFileSync(join(ROOT, "docs/editors.md"));
const settings =
  codeBlocks("docs/editors.md", page).find(({ language }) => language === "lua")!.code;
const folder = Deno.makeTempDirSync();
try {
  const at = (name: string) => join(folder, name);
  const init = settings.replace("/path/to/dmalab/", ROOT);
  Deno.writeTextFileSync(at("init.lua"), init);
  Deno.writeTextFileSync(at("scenario.dma"), TEXT);
  const program = `#!/bin/sh\nexec ${Deno.execPath()} run -A --no-check ${ROOT}bin/main.ts "$@"\n`;
  Deno.writeTextFileSync(at("dmalab"), program, { mode: 0o755 });
  const { code, stderr } = new Deno.Command("nvim", {
    args: [
      "--headless",
      "-u",
      at("init.lua"),
      "-S",
      join(ROOT, "extensions/editor/tests/neovim/try_all.lua"),
    ],
    env: {
      PATH: `${folder}:${Deno.env.get("PATH")}`,
      DMA_FILE: at("scenario.dma"),
      DMA_OUT: at("out.json"),
    },
  }).outputSync();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const evaluationCache: Answers = JSON.parse(Deno.readTextFileSync(at("out.json")));
  assertEquals(evaluationCache.problem, undefined);
  assertEquals(evaluationCache.diagnostic, {
    line: 1,
    column: 6,
    message: "Nothing is called `siez`\nhint: did you mean `size`?",
  });
  assertEquals(evaluationCache.completion, ["alloc_pages"]);
  assertStringIncludes(evaluationCache.hover, "let size: a size");
  assertEquals(evaluationCache.syntax, ["dmaKeyword", "", "dmaNumber", ""]);
  assertEquals(evaluationCache.formatted, ["let size = 4KiB  # one page", "print size"]);
  console.log("ok | diagnostics, completion, hover, colours and formatting in Neovim");
} catch (error) {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
  console.log("Neovim is not installed: Debian's package `neovim` has it");
  Deno.exit(1);
} finally {
  Deno.removeSync(folder, { recursive: true });
}
