import { assertEquals } from "@std/assert";
import { againIfMissed } from "../boot/boot_groups.ts";
import { PROBES_FILE } from "../plan/guest_plan.ts";
import { countedEvents } from "../trace/guest_report.ts";

/** A boot in which the probe `link` missed some hits. */
function booted(missed: number) {
  const profile = `  link                     42               ${missed}\n` +
    "  unmap_one                7                0\n";
  return { report: { files: new Map([[PROBES_FILE, profile]]) } };
}

/** Tries boots in their order. @returns The result, and the printed lines. */
async function tried(first: Boot, second: Boot) {
  let boots = 1;
  const lines: string[] = [];
  const result = await againIfMissed<Booted, Failed>(
    first,
    () => Promise.resolve((boots++, second)),
    { err: (text) => void lines.push(text) },
  );
  return { boots, lines, result };
}

type Booted = ReturnType<typeof booted>;
type Failed = { readonly problem: string };
type Boot = Booted | Failed;

const LINE = "probes missed hits: once more, with a slower disk\n";

Deno.test("a boot whose probes missed hits is repeated once with a slower disk", async () => {
  const whole = booted(0);
  assertEquals(await tried(booted(3), whole), { boots: 2, lines: [LINE], result: whole });
  const still = booted(1);
  assertEquals(await tried(booted(3), still), { boots: 2, lines: [LINE], result: still });
});

Deno.test("a boot whose probes saw everything is not repeated", async () => {
  const whole = booted(0);
  assertEquals(await tried(whole, booted(0)), { boots: 1, lines: [], result: whole });
});

Deno.test("a boot that failed is not repeated, and one whose repetition fails is kept", async () => {
  const failed = { problem: "The kernel panicked" };
  assertEquals(await tried(failed, booted(0)), { boots: 1, lines: [], result: failed });
  const first = booted(3);
  assertEquals(await tried(first, failed), { boots: 2, lines: [LINE], result: first });
});

Deno.test("without a list of probes nothing was missed", async () => {
  const first = { report: { files: new Map<string, string>() } };
  assertEquals((await tried(first as Booted, booted(0))).boots, 1);
});

Deno.test("a trace's head says how many events were kept and written", () => {
  const headOf = (counts: string) =>
    `# tracer: nop\n#\n# entries-in-buffer/entries-written: ${counts}   #P:1\n#\n`;
  assertEquals(countedEvents(headOf("237/5120")), { kept: 237, written: 5120 });
  assertEquals(countedEvents(headOf(`${"9".repeat(400)}/1`)), null);
});
