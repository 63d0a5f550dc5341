import { assertEquals, assertNotEquals } from "@std/assert";
import { parseLines, readGoldenText } from "../golden_files.ts";
import type { DefectCase } from "./defect_data.ts";
import { replayDefect, replayDefects } from "./defect_replay.ts";

const CASES = parseLines<DefectCase>(await readGoldenText("tests/golden/defects/cases.jsonl"));

function caseOf(id: string): DefectCase {
  return CASES.find((captured) => captured.id === id)!;
}

function changed(id: string, change: (copy: DefectCase) => void): DefectCase {
  const copy = structuredClone(caseOf(id));
  change(copy);
  return copy;
}

/** Sets a field that is read-only by its type. */
function set(target: object, field: string | number, value: unknown): void {
  (target as Record<string | number, unknown>)[field] = value;
}

Deno.test("a defect is one of its release: the next one has it no more, or another (defects.md)", () => {
  const asOther = (id: string, kernel: string) =>
    replayDefect(changed(id, (copy) => set(copy, "kernel", kernel)));
  assertEquals(replayDefect(caseOf("gap_none/6")), null);
  assertEquals(asOther("gap_none/6", "7.2.12")?.path, "steps[1].commands[0].gap_bit");
  assertEquals(asOther("front_strict/12", "7.2.6")?.path, "steps[0].commands[0].gap_bit");
  assertEquals(asOther("meta_strict/6", "7.2.12"), null);
});

Deno.test("without what was made to fail nothing fails (nvme.md 7, cases 6 and 8)", () => {
  for (const id of ["listfail_strict/12", "datamapfail_none/12", "flipfail_none/6"]) {
    const whole = changed(id, (copy) => set(copy, "injection", undefined));
    assertNotEquals(replayDefect(whole), null, id);
  }
});

Deno.test("a changed number in any part of a recorded defect is noticed", () => {
  const places: [string, (copy: DefectCase) => void, string][] = [
    ["gap_none/6", ({ steps }) => {
      set(steps[1]!.commands[1]!.calls[1]!, 2, 512);
    }, "steps[1].commands[1].calls[1][2]"],
    ["gap_none/6", ({ steps }) => {
      const runs = steps[1]!.damage!.runs as unknown as number[][];
      runs[0]![3]! += 8;
    }, "steps[1].damage.runs[0][3]"],
    ["gap_none/6", ({ steps }) => {
      set(steps[1]!.block_events![0]!, 1, 67);
    }, "steps[1].block_events[0][1]"],
    ["meta_none/6", ({ steps }) => {
      const device = steps[2]!.commands[1]!.device as unknown as { ranges: number[][] };
      device.ranges[3]![1] = 32;
    }, "steps[2].commands[1].device.ranges[3][1]"],
    ["ptshort_none/6", ({ steps }) => {
      set(steps[0]!.result, "nvme_status", 0x400f);
    }, "steps[0].result.nvme_status"],
    ["mptr_strict/12", ({ machine }) => {
      set(machine.limits, "max_segments", 34);
    }, "machine.limits.max_segments"],
  ];
  for (const [id, change, path] of places) {
    assertEquals(replayDefect(changed(id, change))?.path, path);
  }
});

Deno.test("a case that cannot be replayed differs, and does not stop the others", () => {
  const broken = changed("fmt_none/12", (copy) => {
    set(copy, "injection", { function: "no_such_function", calls_failed: 1 });
  });
  const result = replayDefects("defects/cases", [broken, caseOf("metamapfail_none/6")]);
  assertEquals([result.agree, result.total], [1, 2]);
  assertEquals(result.firstDifference?.caseName, "fmt_none/12");
  assertEquals(result.firstDifference?.rule, "nvme.7.10");
});
