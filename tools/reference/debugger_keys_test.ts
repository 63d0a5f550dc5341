import { assert, assertEquals, assertThrows } from "@std/assert";
import { BOUND_KEYS, REPL_COMMANDS } from "@dmalab/cli/debug";
import { REFERENCE_COMMAND } from "./builtins_page.ts";
import { withDebuggerKeys } from "./debugger_keys.ts";

const DOCS = new URL("../../docs/", import.meta.url);
const PAGE = Deno.readTextFileSync(new URL("terminal.md", DOCS));

/** A command as pages write it: in a code span, or after a prompt. */
const NAMED = /(?:`|^(?:dma\[[^\]]*\])?> ):([a-z]+)/gm;

Deno.test("the keys of docs/terminal.md are those that are bound, each once", () => {
  assert(PAGE === withDebuggerKeys(PAGE), `docs/terminal.md is old: ${REFERENCE_COMMAND}`);
  const rows = PAGE.match(/^\| .* \| `:.*$/gm) ?? [];
  for (const { command } of BOUND_KEYS) {
    assert(rows.some((row) => row.includes(`\`${command}`)), command);
  }
  const keys = BOUND_KEYS.flatMap((each) => each.keys);
  assertEquals(new Set(keys).size, keys.length);
  assertThrows(() => withDebuggerKeys("no place"), RangeError);
});

Deno.test("every command that a page names is there", () => {
  const known = new Set(REPL_COMMANDS.map(({ name }) => name));
  let named = 0;
  for (const { isFile, name: page } of Deno.readDirSync(DOCS)) {
    if (!isFile || !page.endsWith(".md")) continue;
    for (const [, name] of Deno.readTextFileSync(new URL(page, DOCS)).matchAll(NAMED)) {
      assert(known.has(name!), `${page} names :${name}`);
      named++;
    }
  }
  assert(named > 50, `${named} are named`);
});
