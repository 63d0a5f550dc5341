/** The guest's plan: probes by the architecture, and addresses of pages. */
import { assert, assertEquals } from "@std/assert";
import { probeDirectives } from "../plan/probed_functions.ts";
import { readGuestReport } from "../trace/guest_report.ts";
import { physOfPage } from "../trace/trace_events.ts";

Deno.test("function probes have the names, arguments and filters of kprobes", () => {
  const directives = (kind: "kprobe" | "fprobe") => probeDirectives("capture", "vtd", kind);
  const kprobes = directives("kprobe");
  const fprobes = directives("fprobe");
  const asFprobe = (line: string) =>
    line.replaceAll(/\bp:lab\//g, "f:lab/").replaceAll(/\br:lab\/(\S+ \S+)/g, "f:lab/$1%return");
  assertEquals(fprobes, kprobes.map(asFprobe));
  assert(fprobes.includes("probe f:lab/try_alloc_ret dma_iova_try_alloc%return ok=$retval:u8"));
  assert(kprobes.some((line) => line.startsWith("write ")));
  const { refusedProbes } = readGuestReport(
    "refused probe 22 f:lab/try_alloc_ret dma_iova_try_alloc%return ok=$retval:u8\ndone\n",
  );
  assertEquals(refusedProbes, ["try_alloc_ret"]);
});

Deno.test("the first page of each architecture's memory has the first structure of its array", () => {
  assertEquals(physOfPage("0xffffea0000000000"), 0);
  assertEquals(physOfPage("0xffffea0000003e80"), 0xfa000);
  assertEquals(physOfPage("0xfffffdffc0000040"), 0x4000_1000);
  assertEquals(physOfPage("0xffff8d8002098000"), 0x8260_0000);
});
