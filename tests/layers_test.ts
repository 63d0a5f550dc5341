import { assert, assertEquals } from "@std/assert";
import { importsOf, layerViolations } from "./layers.ts";
import { readSources, SOURCE_FOLDERS, type SourceText } from "./source_text.ts";

const planted = (path: string, text: string) => layerViolations([{ path, text }]);

Deno.test("the project's imports keep to the table of docs/dev/architecture.md", () => {
  const sources = readSources([...SOURCE_FOLDERS, "mod.ts", "recording/mod.ts"]);
  assert(sources.length > 30, `Only ${sources.length} source files found`);
  assertEquals(layerViolations(sources), []);
});

Deno.test("layerViolations() sees the runtime import a device", () => {
  const [found, ...more] = planted(
    "runtime/machine.ts",
    'import { Lab } from "../devices/lab.ts";',
  );
  assertEquals(
    found,
    'runtime/machine.ts:1 imports "devices/lab.ts": runtime/ may not import devices',
  );
  assertEquals(more, []);
});

Deno.test("layerViolations() sees lang load the runtime outside lang/builtins and lang/machine", () => {
  const text = 'import { Machine } from "../../runtime/machine.ts";';
  assertEquals(planted("lang/vm/vm.ts", text).length, 1);
  assertEquals(planted("lang/builtins/dma.ts", text), []);
  assertEquals(planted("lang/machine/build_config.ts", text), []);
  assertEquals(
    planted("lang/vm/vm.ts", 'import type { Machine } from "../../runtime/machine.ts";'),
    [],
  );
});

Deno.test("layerViolations() counts `import { type X }` as loading, because it is", () => {
  assertEquals(
    planted("lang/vm/vm.ts", 'import { type Lab } from "../../devices/lab.ts";').length,
    1,
  );
});

Deno.test("layerViolations() sees an import upwards in any form", () => {
  for (
    const text of [
      'export { a } from "../lang/source.ts";',
      'export * from "../lang/source.ts";',
      'import "../lang/source.ts";',
      'const late = await import("@dmalab/lang");',
      'import {\n  one,\n  two,\n} from "../lang/source.ts";',
      'export type { SourceFile } from "../lang/source.ts";',
    ]
  ) {
    assertEquals(planted("devices/lab.ts", text).length, 1, text);
  }
});

Deno.test("layerViolations() sees a package that the layer may not use, but lets tests have theirs", () => {
  const text = 'import { assertEquals } from "@std/assert";';
  assertEquals(planted("runtime/time/clock.ts", text).length, 1);
  assertEquals(planted("runtime/time/clock_test.ts", text), []);
  assertEquals(planted("lang/syntax/parser.ts", 'import { CstParser } from "chevrotain";'), []);
  assertEquals(planted("devices/lab.ts", 'import { readFileSync } from "node:fs";').length, 1);
});

Deno.test("layerViolations() follows the chain from the controller to the driver", () => {
  const found = layerViolations([
    { path: "devices/nvme/controller/walker.ts", text: 'import { a } from "../shared.ts";' },
    { path: "devices/nvme/shared.ts", text: 'import { b } from "./driver/prp_builder.ts";' },
    { path: "devices/nvme/driver/prp_builder.ts", text: "export const b = 1;" },
  ]);
  assertEquals(found, [
    "devices/nvme/controller/ reaches devices/nvme/driver/: devices/nvme/controller/walker.ts → " +
    "devices/nvme/shared.ts → devices/nvme/driver/prp_builder.ts",
  ]);
});

Deno.test("layerViolations() does not let the driver name the controller's types either", () => {
  const text = 'import type { Walk } from "../controller/walker.ts";';
  assertEquals(planted("devices/nvme/driver/nvme_driver.ts", text).length, 1);
});

Deno.test("importsOf() reads no import out of comments and strings", () => {
  const text = [
    "/**",
    ' * import { a } from "../lang/a.ts";',
    " */",
    '// import "../lang/b.ts"',
    "const text = `import { c } from '../lang/c.ts'; ${1 + 1}`;",
    "const pattern = /[\"'/]/; // a quote in a pattern",
    'import { real } from "./real.ts";',
  ].join("\n");
  assertEquals(importsOf({ path: "runtime/x.ts", text }), [{
    path: "runtime/x.ts",
    line: 7,
    specifier: "./real.ts",
    target: "runtime/real.ts",
    typeOnly: false,
    late: false,
  }]);
});

/** The files that a start of some files loads, and the packages; what is loaded later on request, too. */
function loadedBy(entries: readonly string[], withLate: boolean) {
  const sources = readSources(SOURCE_FOLDERS);
  const loads = Map.groupBy(
    sources.flatMap(importsOf).filter(({ typeOnly }) => !typeOnly),
    ({ path }) => path,
  );
  const known = new Set<string>();
  const packages = new Set<string>();
  const todo = [...entries];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (known.has(path)) continue;
    known.add(path);
    for (const { specifier, target, late } of loads.get(path) ?? []) {
      if (late && !withLate) continue;
      if (target === null) packages.add(specifier);
      else todo.push(target);
    }
  }
  return { known, packages };
}

Deno.test("the pages load nothing of the host", () => {
  const { known, packages } = loadedBy(["extensions/page/playground_main.ts"], true);
  assert(known.has("cli/scenario/print_run.ts"));
  assert(!known.has("cli/host.ts"), "cli/host.ts is loaded");
  assertEquals([...packages].filter((name) => name.startsWith("node:")), []);
});

Deno.test("starting a scenario loads nothing that only some scenarios need", () => {
  const { known, packages } = loadedBy(["cli/run_main.ts"], false);
  assert(known.size > 200, `only ${known.size} files`);
  // Tables are read while a scenario is checked, which waits for nothing: d3-dsv is a millisecond. Paths
  // are the host's own functions: four milliseconds.
  assertEquals([...packages].sort(), ["chevrotain", "d3-dsv", "node:path"]);
});

/** Front ends that show runs: they ask the recording, and nothing behind it. */
const FRONT_ENDS =
  /^cli\/(?:dap|debug)\/|^cli\/repl\/(?:repl|commands|command_target|\w+_commands)\.ts$/;
const BEHIND = /^(?:runtime|devices|lang\/(?:vm|check|compile|machine|syntax))\//;

/** What a front end loads that only the recording may ask. */
function behindTheRecording(sources: readonly SourceText[]): string[] {
  return sources.filter(({ path }) => FRONT_ENDS.test(path) && !path.endsWith("_test.ts"))
    .flatMap(importsOf)
    .filter(({ target, typeOnly }) => !typeOnly && target !== null && BEHIND.test(target))
    .map(({ line, path, target }) => `${path}:${line} loads ${target}`);
}

Deno.test("no front end of runs loads the runtime, the devices or the VM", () => {
  const sources = readSources(["cli"]);
  assert(sources.filter(({ path }) => FRONT_ENDS.test(path)).length > 10);
  assertEquals(behindTheRecording(sources), []);
  const text = 'import { Vm } from "../../lang/vm/vm.ts";';
  assertEquals(behindTheRecording([{ path: "cli/debug/x.ts", text }]), [
    "cli/debug/x.ts:1 loads lang/vm/vm.ts",
  ]);
});
