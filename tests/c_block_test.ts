import { assert } from "@std/assert";
import { join } from "@std/path";
import { withCompiled } from "../cli/c/with_compiled.ts";
import { HostLoader } from "../cli/host_loader.ts";
import { renderDiagnostics } from "../lang/diagnostics/render.ts";
import { loadProgram } from "../lang/language.ts";
import { SourceFile } from "../lang/source.ts";
import { assertHolds, findPlanted, type FoundBug, loadDriver } from "./planted_bugs.ts";
import { ROOT } from "./source_text.ts";

/** How each planted bug is found: by which test, and what is said of it. */
const FOUND: Readonly<Record<string, FoundBug>> = {
  "01-wrong-length": { by: "on the disk", says: /report\[free_while_linked\]/ },
  "02-missing-iova-sync": { by: "on the disk", says: /report\[sync_missing\]/ },
  "03-leak-in-error-path": {
    by: "fails once [iommu.mode = strict]",
    says: /Something leaks when `dma_map_phys` fails/,
  },
  "04-destroyed-in-error-path": {
    by: "fails once [iommu.mode = strict]",
    says: /Something leaks when `dma_iova_link` fails[\s\S]*IOVA range at .* not freed/,
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
    says: /512-byte block of the pool .* not freed/,
  },
  "11-no-min-align": { by: "not trusted", says: /E0901[\s\S]*works\(shapes/ },
  "12-gaps-not-looked-at": { by: "on the disk", says: /report\[link_unaligned\]/ },
  "13-list-unmapped-by-its-device-side": { by: "on the disk", says: /report\[unmap_entries\]/ },
  "14-no-unmap-without-an-iommu": { by: "bounced", says: /report\[freed_while_mapped\]/ },
  "15-phase-of-the-first-round": { by: "several rounds", says: /E0901[\s\S]*hba_poll/ },
};

Deno.test("the block driver in C: right in every mode, and each planted bug is found as it is said", (t) =>
  findPlanted(t, {
    folder: "drivers/block",
    scenario: "block_hba.dma",
    cFile: "block_hba.c",
    testCount: 16,
    found: FOUND,
  }));

Deno.test("the block driver in C on other releases, and with pages of 64 KiB", async () => {
  assertHolds(await loadDriver("drivers/block/block_releases.dma"), 7);
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
    assertHolds(program, 10);
  });
}
