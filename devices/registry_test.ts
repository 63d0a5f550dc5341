import { assert, assertEquals } from "@std/assert";
import type { PciNodeConfig } from "./lab_config.ts";
import { DEVICE_KINDS, deviceKind, PCI_BLOCKS } from "./registry.ts";

Deno.test("every kind of device is found by its keyword, and has every device's keys", () => {
  for (const kind of DEVICE_KINDS) {
    assertEquals(deviceKind(kind.kind), kind);
    for (const key of ["dmaMaskBits", "coherent", "ranges", "acs", "at"]) {
      assert(key in kind.settings, `${kind.kind}: ${key}`);
    }
  }
  assertEquals(deviceKind("toaster"), undefined);
  assertEquals(deviceKind("switch"), undefined);
});

Deno.test("every block has a sentence, names each key once, and holds blocks that there are", () => {
  for (const [word, { doc, holds, settings }] of PCI_BLOCKS) {
    assert(doc.endsWith("."), word);
    for (const inner of holds) assert(PCI_BLOCKS.has(inner), `${inner} in ${word}`);
    const rows = Object.values(settings);
    assertEquals(new Set(rows.map(({ key }) => key)).size, rows.length, word);
    for (const row of rows) assert(row.doc.endsWith("."), `${word}.${row.key}`);
  }
});

Deno.test("a block takes the settings of its own kind only: the compiler says so", () => {
  const disk: PciNodeConfig = { kind: "nvme", name: "a", settings: { queues: 2 }, children: [] };
  // @ts-expect-error: an endpoint has no queues.
  const end: PciNodeConfig = { kind: "endpoint", name: "b", settings: { queues: 2 }, children: [] };
  assertEquals([disk.kind, end.kind], ["nvme", "endpoint"]);
});
