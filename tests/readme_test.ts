import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { codeBlocks } from "@dmalab/cli/scenario";
import { place, readTranscript, runTranscript } from "./transcripts.ts";
import { ROOT } from "./source_text.ts";

const README = Deno.readTextFileSync(join(ROOT, "README.md"));
const BLOCKS = codeBlocks("README.md", README);

Deno.test("README's Start has exactly two fenced commands, and their Deno forms as inline code", () => {
  const commands = BLOCKS.filter((block) => block.heading === "Start").map((block) => block.code);
  assertEquals(commands, ["npx -y deno@2.9.6 task demo", "npx -y deno@2.9.6 task test"]);
  const start = README.slice(README.indexOf("## Start"), README.indexOf("## Three doors"));
  for (const form of ["`deno task demo`", "`deno task test`"]) assertStringIncludes(start, form);
});

Deno.test("README names the version of Deno that .ci/run fetches", () => {
  const script = Deno.readTextFileSync(join(ROOT, ".ci/run"));
  assertEquals(script.match(/^version=(.*)$/m)?.[1], "2.9.6");
  for (const [, version] of README.matchAll(/deno@([\d.]+)/g)) assertEquals(version, "2.9.6");
});

Deno.test("README's transcripts are what the commands print", async (t) => {
  const transcripts = BLOCKS.filter((block) => block.language === "console");
  assert(transcripts.length > 0, "README shows no output");
  for (const block of transcripts) {
    for (const { command, output } of readTranscript(block)) {
      await t.step(`${place(block)} ${command}`, async () => {
        assertEquals(await runTranscript(command), output);
      });
    }
  }
});

Deno.test("README links to files that are there", () => {
  for (const [, target] of README.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
    Deno.statSync(join(ROOT, target!));
  }
});
