import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { HostLoader } from "../cli/host_loader.ts";
import { loadPatched } from "../cli/c/patched.ts";
import { withCompiled } from "../cli/c/with_compiled.ts";
import { openScenario } from "../cli/scenario/load_scenario.ts";
import { renderDiagnostics } from "../lang/diagnostics/render.ts";
import { loadProgram } from "../lang/language.ts";
import { runProgram } from "../lang/run/run_program.ts";
import type { Program } from "../lang/run/program.ts";
import { SourceFile } from "../lang/source.ts";
import { ROOT } from "./source_text.ts";

const FOLDER = join(ROOT, "drivers/block");

/** How each planted bug is found: by which test, and what is said of it. */
const FOUND: Readonly<Record<string, { readonly by: string; readonly says: RegExp }>> = {
  "01-wrong-length": { by: "on the disk", says: /report\[free_while_linked\]/ },
  "02-missing-iova-sync": { by: "on the disk", says: /report\[sync_missing\]/ },
  "03-leak-in-error-path": {
    by: "fails once [iommu.mode = strict]",
    says: /Something leaks when `dma_map_phys` fails/,
  },
  "04-destroyed-in-error-path": {
    by: "fails once [iommu.mode = strict]",
    says: /Something leaks when `dma_iova_link` fails[\s\S]*IO addresses at .* were not given back/,
  },
  "05-stale-state": { by: "on the disk", says: /report\[destroy_twice\]/ },
  "06-one-segment-too-few": {
    by: "on the disk",
    says:
      /report\[unwritten_memory_fetched\] .*nobody has written 16 since their memory was taken at \S*block_hba\.c:\d+/,
  },
  "07-ended-before-unmap": {
    by: "on the disk",
    says: /of the driver's area after the end of the request of tag 0 \(in hba_unmap\(\) at .*:\d+/,
  },
  "08-wrong-direction": { by: "on the disk", says: /report\[unlink_direction\]/ },
  "09-error-unchecked": { by: "on the disk", says: /report\[error_unchecked\]/ },
  "10-table-kept": {
    by: "on the disk",
    says: /a block of 512 bytes of the pool .* not given back/,
  },
  "11-no-min-align": { by: "not trusted", says: /E0901[\s\S]*works\(new_disk/ },
  "12-gaps-not-looked-at": { by: "on the disk", says: /report\[link_unaligned\]/ },
  "13-list-unmapped-by-its-device-side": { by: "on the disk", says: /report\[unmap_entries\]/ },
  "14-no-unmap-without-an-iommu": { by: "bounced", says: /report\[freed_while_mapped\]/ },
  "15-phase-of-the-first-round": { by: "several rounds", says: /E0901[\s\S]*hba_poll/ },
};

/** All that is said of the tests of a program whose names have a text in them; empty when they hold. */
function saidOf(program: Program, by: string): string {
  const { outcomes } = runProgram(program, { only: "tests", match: [by] });
  return outcomes.filter(({ failure }) => failure !== null).flatMap(({ failure, incidents }) => [
    `${failure!.code} ${failure!.message}`,
    ...failure!.lines,
    ...incidents.flatMap(({ kind, name, text }) => `${kind}[${name}] ${text}`),
  ]).join("\n");
}

/** Names of the tests of a program that do not hold, and how many tests there are. */
function failuresOf(
  program: Program,
): { readonly failed: readonly string[]; readonly all: number } {
  const { outcomes } = runProgram(program, { only: "tests" });
  const failed = outcomes.filter(({ failure }) => failure !== null)
    .map(({ failure, name }) => `${name}: ${failure!.message}`);
  return { failed, all: outcomes.length };
}

Deno.test("the block driver in C: right in every mode, and each planted bug is found as it is said", async (t) => {
  const names = [...Deno.readDirSync(join(FOLDER, "bugs"))]
    .map(({ name }) => name.replace(/\.patch$/, "")).toSorted();
  assertEquals(names, Object.keys(FOUND));
  const patches = names.map((name) => ({
    file: "block_hba.c",
    text: Deno.readTextFileSync(join(FOLDER, "bugs", `${name}.patch`)),
  }));
  const loaded = await loadPatched(join(FOLDER, "block_hba.dma"), [null, ...patches]);
  const programs = loaded.map(({ diagnostics, program }) => {
    assert(program !== null, renderDiagnostics(diagnostics));
    return program;
  });
  await t.step("as it is", () => {
    assertEquals(failuresOf(programs[0]!), { failed: [], all: 16 });
  });
  for (const [index, name] of names.entries()) {
    await t.step(name, () => {
      const { by, says } = FOUND[name]!;
      assertMatch(saidOf(programs[index + 1]!, by), says);
    });
  }
});

Deno.test("the block driver in C on other releases, and with pages of 64 KiB", async () => {
  const opened = await openScenario(join(FOLDER, "block_releases.dma"));
  assert(!("problem" in opened) && opened.program !== null);
  assertEquals(failuresOf(opened.program), { failed: [], all: 7 });
});

/** The scenarios with ten thousand of something in each mode: here it is a hundred. */
for (
  const [path, constant] of [
    ["drivers/block/block_many.dma", "requests"],
    ["drivers/nic/ring_many.dma", "frames_in_all"],
  ] as const
) {
  Deno.test(`${path}: any requests, in any order, in every mode`, async () => {
    const opened = HostLoader.open(join(ROOT, path));
    assert(typeof opened !== "string");
    const { entry: { name, text }, loader } = opened;
    const few = text.replace(`const ${constant} = 10_000`, `const ${constant} = 100`);
    assert(few !== text);
    const source = new SourceFile(name, few);
    const load = () => loadProgram(source, loader);
    const { diagnostics, program } = await withCompiled(loader, load);
    assert(program !== null, renderDiagnostics(diagnostics));
    assertEquals(failuresOf(program), { failed: [], all: 10 });
  });
}
