/** Scenarios modelled on public reports, each with the correct answer. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { dmalab } from "./dmalab_program.ts";

/** A part of the output of `dmalab test`, by file in `tests/field`. */
const RIGHT = {
  "38-bus-range-explain.dma":
    "0xde10_0000 is outside the memory that the device's bus has (dma-ranges): 0x0-0xd7ff_ffff",
  "40-required-mask.dma": "memory outside of the ranges ... ok",
} as const;

for (const [file, text] of Object.entries(RIGHT)) {
  Deno.test(`tests/field/${file} holds, and prints: ${text}`, async () => {
    const { code, errors, output } = await dmalab("test", `tests/field/${file}`);
    assertEquals([code, errors], [0, ""]);
    assertStringIncludes(output.replace(/\s+/g, " "), text);
  });
}
