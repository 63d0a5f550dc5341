import { assert, assertEquals } from "@std/assert";
import { DEVICE_KINDS, deviceKind } from "./registry.ts";

Deno.test("every kind of device is found by its keyword, has a sentence, and names each key once", () => {
  for (const kind of DEVICE_KINDS) {
    assertEquals(deviceKind(kind.kind), kind);
    assert(kind.doc.endsWith("."), kind.doc);
    assertEquals(new Set(kind.settings).size, kind.settings.length);
  }
  assertEquals(deviceKind("toaster"), undefined);
});
