import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { renderDiagnostics } from "../lang/diagnostics/render.ts";
import { runProgramWith } from "../lang/run/runner.ts";
import { DEFAULT_LIMITS } from "../lang/values/limits.ts";
import { SourceFile } from "../lang/source.ts";
import { loadProgram } from "../lang/language.ts";
import { HostLoader } from "../cli/host_loader.ts";
import { withCompiled } from "../cli/c/with_compiled.ts";
import { ROOT } from "./source_text.ts";

const KINDS = 50;
const SEEDS = 4;

Deno.test("whatever a driver in C does to its host ends in an error of ours, with its place", async () => {
  const opened = HostLoader.open(join(ROOT, "tests/c/hostile.dma"));
  assert(typeof opened !== "string");
  const cases = Array.from({ length: KINDS * SEEDS }, (_, index) => {
    const kind = Math.floor(index / SEEDS);
    return `test "${index}" with { leaks = allow } { bad.hostile(nic, ${kind}, ${
      index % SEEDS + 1
    }) }`;
  });
  const source = new SourceFile(opened.entry.name, `${opened.entry.text}${cases.join("\n")}\n`);
  const load = () => loadProgram(source, opened.loader);
  const { diagnostics, program } = await withCompiled(opened.loader, load);
  assert(program !== null, renderDiagnostics(diagnostics));
  const limits = { ...DEFAULT_LIMITS, steps: 3_000_000 };
  const { outcomes } = runProgramWith(null, program, { only: "tests", limits });
  const wrong = outcomes.filter(({ failure }) => failure === null || failure.kind === "bug");
  const lines = wrong.map(({ failure, name }) =>
    `${Math.floor(Number(name) / SEEDS)} ${failure?.lines.slice(0, 1) ?? "holds"} ${
      failure?.lines.at(-1) ?? ""
    }`
  );
  assertEquals([...new Set(lines)], []);
  const placed = outcomes.filter(({ failure }) => /hostile\.c:\d+:\d+/.test(failure!.message));
  assertEquals(outcomes.length, KINDS * SEEDS);
  assertEquals(placed.length, outcomes.length);
});
