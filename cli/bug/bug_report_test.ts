import { assertEquals } from "@std/assert";
import { BUILTINS } from "@dmalab/lang/builtins";
import { loadProgram } from "@dmalab/lang/run";
import { SourceFile } from "@dmalab/lang";
import { LoadError } from "@dmalab/lang/syntax";
import type { Registry } from "@dmalab/lang/values";
import { InvariantError } from "@dmalab/runtime";
import { smallestBug } from "./bug_report.ts";

/**
 * The builtins, and one more builtin that reports a bug of dmalab when its argument is larger than
 * 9.
 */
const REGISTRY: Registry = {
  ...BUILTINS,
  functions: new Map([...BUILTINS.functions, ["break_beyond", {
    name: "break_beyond",
    parameters: [{ name: "count", type: "int", doc: "A number.", optional: false, named: false }],
    result: "nothing",
    doc: "Fails as a rule of the simulator that does not hold.",
    example: "break_beyond(1)",
    run(_run: unknown, [count]: readonly unknown[]) {
      if (Number(count) > 9) throw new InvariantError(`there are ${count} of them`);
      return null;
    },
  }]]) as Registry["functions"],
};

function smallest(text: string, registry = REGISTRY): string | null {
  const load = (source: SourceFile) =>
    loadProgram(source, { load: () => new LoadError("not_found", "no file") }, registry);
  // The clock is slow: the search ends because nothing more can be removed, not because of the
  // time.
  let now = 0;
  return smallestBug(new SourceFile("bug.dma", text), load, null, () => now += 0.01);
}

Deno.test("of a script that meets a bug the lines and words that it needs are left", () => {
  const text = `machine { cpus = 2
  pci { root_port rp0 { nvme ssd { queues = 2 } } }
}
const LIMIT = 3
fn twice(n) { return 2 * n }
test "good" { assert twice(LIMIT) == 6 }
test "bad" matrix { cpus = [1, 2] } {
  let before = twice(4)
  print before
  break_beyond(before)
  break_beyond(12)
  print "after"
}
`;
  assertEquals(smallest(text)?.replace(/\s+/g, " ").trim(), "break_beyond(12)");
});

Deno.test("a bug of another message is another bug, and a script without one has none", () => {
  assertEquals(smallest("break_beyond(3)\nassert false\n"), null);
});

Deno.test("a bug that is met while a script is checked is cut as well", () => {
  // A description that fails when it is read.
  const broken = { ...REGISTRY.functions.get("break_beyond")!, name: "break_check" };
  Object.defineProperty(broken, "parameters", {
    get: () => {
      throw new InvariantError("no parameters");
    },
  });
  const functions = new Map([...REGISTRY.functions, ["break_check", broken]]);
  const registry: Registry = { ...REGISTRY, functions };
  const text = "let a = 1\nprint a\nbreak_check(a)\nprint 2\n";
  assertEquals(smallest(text, registry)?.trim(), "break_check(");
});
