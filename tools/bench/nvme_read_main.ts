/**
 * Prints what `nvme_read.ts` measures, for a process of its own: `rate MODE CHECKER DEPTH LOOKS` prints
 * requests a second, `growth REQUESTS` bytes.
 */
import type { IommuMode } from "@dmalab/runtime";
import { measureGrowth, measureReads } from "./nvme_read.ts";

const [what, first = "off", second = "off", third = "32", fourth = "false"] = Deno.args;
if (what === "growth") console.log(measureGrowth(Number(first)));
else {
  console.log(measureReads({
    mode: first as IommuMode,
    checker: second === "report" ? "report" : "off",
    depth: Number(third),
    looks: fourth === "true",
  }));
}
