import { assert, assertEquals } from "@std/assert";
import { diagnosticLines, load } from "../../testing/test_support.ts";
import { CHECK_CODES } from "./check.ts";
import type { CodeEntry } from "./entry.ts";

const ENTRIES: [string, CodeEntry][] = Object.entries(CHECK_CODES);

/** Code to put before the examples that need it. */
const MACHINE = `machine { iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } } }
`;
const NAMES = `let buf = alloc_pages(1)
let state = iova_state()
let m = dma_map_phys(ssd, buf.phys, 4KiB, bidirectional)
print [buf, state, m]
`;

/** Other files the examples use. */
const FILES = {
  "t.dma": "",
  "lib.dma": "print 1",
  "b.dma": 'use "t.dma"',
  "a.dma": "fn scattered() { }",
  "c.dma": "fn scattered() { }",
};

/**
 * Codes that only the loader of the command line reports, or that only a very long example could
 * show.
 */
const ELSEWHERE = ["E0706", "E0709", "E0711", "E0712", "E0713", "E0714", "W0306", "W0308"];

Deno.test("every code of the checker has a title, a paragraph and an example", () => {
  for (const [code, { example, explanation, title }] of ENTRIES) {
    assert(/^[EW]0[3467][0-9]{2}$/.test(code), code);
    assert(title.length > 10 && !title.endsWith("."), code);
    assert(explanation.length > 40 && explanation.endsWith("."), code);
    assert(example !== "", code);
  }
});

Deno.test("the example of every code of the checker has that mistake, and no other error", () => {
  for (const [code, { example }] of ENTRIES) {
    if (ELSEWHERE.includes(code)) continue;
    const setting = example.includes("machine {") || /^use/.test(example) ? "" : MACHINE;
    const names = /\b(ssd|buf|state|m)\b/.test(example) && setting !== "" ? NAMES : "";
    const files = code === "E0705" ? { "a.dma": FILES["a.dma"], "b.dma": FILES["c.dma"] } : FILES;
    const { diagnostics } = load(setting + names + example, files);
    const errors = diagnostics.filter((one) => one.severity === "error" || one.code === code);
    const codes = new Set(errors.map((one) => one.code as string));
    assertEquals([...codes], [code], diagnosticLines(diagnostics).join("; "));
  }
});
