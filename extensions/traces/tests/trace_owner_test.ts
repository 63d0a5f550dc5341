/**
 * Lines of a trace go to the context and to the owner that wrote them. The traces are cut from boots
 * of Debian's 7.3.4 in QEMU; no driver in them leaks.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { TraceContext, TraceContexts } from "../owner/trace_contexts.ts";
import { checkedTrace } from "./checked_trace.ts";

const FOLDER = new URL("owner/", import.meta.url);
const linesOf = (name: string) =>
  Deno.readTextFileSync(new URL(name, FOLDER)).trimEnd().split("\n");

Deno.test("an unmap in a hard interrupt inside a soft one ends the map before it", () => {
  const lines = linesOf("unmap-in-nested-interrupt.txt");
  assertStringIncludes(checkedTrace(lines).text(), "3 maps, 3 unmaps, 0 maps never unmapped");
  // Without the last unmap, only the last map is open.
  const open = checkedTrace(lines.slice(0, -1)).text();
  assertStringIncludes(open, "3 maps, 2 unmaps, 1 map never unmapped");
  assertStringIncludes(open, "(t:5)");
});

Deno.test("a list's memory that the IOMMU maps at once, over the ends of its entries, is no two-step range", () => {
  const lines = linesOf("ahci-map-sg-cut-min.txt");
  const { check, result } = checkedTrace(lines);
  assertEquals([result.live.length, check.ledger.table.openRuns()], [0, []]);
  assertEquals([check.ledger.table.claimedMaps, check.ledger.table.claimedUnmaps], [2, 1]);
});

/** Gives lines `PID CPU FLAG`, and returns the number of each line's context, and which ended when. */
function contextsOf(...lines: readonly string[]): { contexts: number[]; ended: string[] } {
  const made: TraceContext[] = [];
  const ended: string[] = [];
  let line = 0;
  const contexts = new TraceContexts<TraceContext>({
    make: (pid, flag) => {
      const context = new TraceContext(pid, flag);
      made.push(context);
      return context;
    },
    end: (context) => ended.push(`${made.indexOf(context)} before line ${line}`),
    idleSeconds: 1,
  });
  const numbers = lines.map((text, index) => {
    line = index;
    const [pid, cpu, flag] = text.split(" ");
    const context = contexts.at(Number(pid), Number(cpu), flag!.charCodeAt(0), index / 1000);
    return made.indexOf(context);
  });
  return { contexts: numbers, ended };
}

Deno.test("interrupts of a CPU nest: a line of an outer context ends the inner ones", () => {
  assertEquals(contextsOf("7 0 .", "7 0 s", "7 0 H", "7 0 Z", "7 0 s", "7 0 ."), {
    contexts: [0, 1, 2, 3, 1, 0],
    ended: ["3 before line 4", "2 before line 4", "1 before line 5"],
  });
});

Deno.test("a hard interrupt of a task comes after the end of the soft interrupt", () => {
  const { contexts, ended } = contextsOf("7 0 s", "7 0 H", "7 0 h", "7 0 s");
  assertEquals(contexts, [0, 1, 2, 3]);
  assertEquals(ended, ["0 before line 2", "1 before line 2", "2 before line 3"]);
});

Deno.test("a task keeps its context on another CPU; each CPU has its own interrupts and idle task", () => {
  assertEquals(contextsOf("7 0 .", "0 0 .", "0 1 .", "7 1 .", "7 1 h", "7 0 h"), {
    contexts: [0, 1, 2, 0, 3, 4],
    ended: [],
  });
});

Deno.test("an interrupt of another task is another run", () => {
  assertEquals(contextsOf("7 0 h", "8 0 h").contexts, [0, 1]);
});
