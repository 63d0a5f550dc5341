/**
 * Values of C in a debugger: arguments, variables, structures, and the reason if a value cannot be
 * read.
 */
import { assertEquals, assertThrows } from "@std/assert";
import {
  BreakpointSet,
  checkBreakpoint,
  Cursor,
  evaluate,
  EvaluationError,
  keepVariables,
  partsOf,
  type Position,
  variablesAt,
} from "@dmalab/recording";
import { keptVariablesAt } from "@dmalab/recording/views";
import { recordedRun } from "./recorded.ts";

const PATH = "extensions/c_drivers/tests/c/values.c";
const recording = await recordedRun("extensions/c_drivers/tests/c/values.dma", "a queue is filled");
const lines = recording.code.statements.find(({ span }) => span.source.name === PATH)!
  .span.source.text.split("\n");

/** All positions at which a line that contains this text starts. */
function at(text: string, condition?: string): readonly Position[] {
  const breakpoints = new BreakpointSet();
  const line = lines.findIndex((each) => each.includes(text)) + 1;
  breakpoints.add({ cause: { kind: "line", file: PATH, line }, ...condition && { condition } });
  const cursor = new Cursor(recording, breakpoints);
  const found: Position[] = [];
  for (;;) {
    const { position, stop } = cursor.move({ unit: "run", direction: "forward" });
    if (stop === null) return found;
    found.push(position);
  }
}

const value = (position: Position, expression: string, frame = 0) =>
  evaluate(recording, position, expression, frame).text;

const problem = (position: Position, expression: string, frame = 0) => {
  const { hint, message } = assertThrows(
    () => evaluate(recording, position, expression, frame),
    EvaluationError,
  );
  return hint === null ? message : `${message}; ${hint}`;
};

Deno.test("arguments, variables and globals of C are seen with their types, forwards and backwards", () => {
  const turns = at("e->len = 16");
  assertEquals(turns.length, 3);
  const seen = (position: Position) =>
    variablesAt(recording, position)
      .filter(({ name }) => name === "count" || name === "index")
      .map(({ kind, name, text }) => `${kind} ${name} ${text}`);
  // Backwards: the run is repeated up to each position.
  for (const turn of [2, 1, 0, 2]) {
    assertEquals(seen(turns[turn]!), ["u32 count 3", `u32 index ${turn}`]);
    assertEquals(value(turns[turn]!, "q->entries[1].len"), turn === 2 ? "32" : "0");
  }
  const [last] = turns.slice(-1);
  assertEquals(
    variablesAt(recording, last!, 0, "globals").map(({ name }) => name),
    ["the_queue", "calls"],
  );
  assertEquals(value(last!, "calls"), "3");
  assertEquals(value(at("return sum;")[0]!, "calls"), "4");
  // Frame 1 is the C function that called this one, and frame 2 is the script's.
  assertEquals(value(last!, "local", 1), "{addr 0x1000, len 7}");
  assertEquals(value(last!, "unused", 1), "6");
  assertEquals(value(last!, "count", 2), "3");
  assertEquals(variablesAt(recording, last!, 2).map(({ name }) => name), ["count"]);
  keepVariables(recording, null);
  for (const turn of turns) {
    assertEquals(
      keptVariablesAt(recording, turn),
      variablesAt(recording, turn).map(({ name, text }) => [name, text] as const),
    );
  }
});

Deno.test("structures are read by their members, elements and pointers", () => {
  const [fill] = at("sum += e->len");
  for (
    const [expression, text] of [
      ["q->name", '"first"'],
      ["q->phase", "BUSY"],
      ["q->phase == BUSY && q->depth > 76", "true"],
      ["q->ready", "1"],
      // A division by zero on the right of `&&` or `||` is not evaluated.
      ["q->entries->addr != 0 && 1 / q->entries->addr", "false"],
      ["q->ready || 1 / q->entries->addr", "true"],
      ["q->depth", "77"],
      ["q->balance", "-5"],
      ["q->next->next == q", "true"],
      ["q->done", "queue_done"],
      ["q->bytes", "[4, 3, 2, 1]"],
      ["q->bytes[1] + q->word", "16909063"],
      ["q->entries[0]", "{addr 0x0, len 16}"],
      ["*q->entries", "{addr 0x0, len 16}"],
      ["(*q).entries[count - 3].len", "16"],
      ["q->entries + 1 == &q->entries[1]", "true"],
      ["q->table[2][999]", "4"],
      ["the_queue->balance * 2", "-10"],
    ] as const
  ) assertEquals(value(fill!, expression), text, expression);
  const parts = partsOf(recording, fill!, "q");
  assertEquals(parts.map(({ name }) => name).slice(0, 4), ["name", "phase", "ready", "depth"]);
  // A recursive structure and a large array are opened part by part.
  const again = parts.find(({ name }) => name === "next")!;
  assertEquals([again.expression, again.partCount], ["q->next", parts.length]);
  const table = parts.find(({ name }) => name === "table")!;
  assertEquals([table.kind, table.partCount, table.isList], ["u32[3][1000]", 3, true]);
  assertEquals(
    partsOf(recording, fill!, "q->table[2]", 0, { first: 998, count: 10 }).map((
      { expression, text },
    ) => `${expression} ${text}`),
    ["q->table[2][998] 0", "q->table[2][999] 4"],
  );
  // A name that C does not have is looked up in the machine.
  assertEquals(value(fill!, "iommu.live_mappings"), "0");
});

Deno.test("what cannot be read says why", () => {
  const [entry] = at("int queue_fill(");
  const [fill] = at("sum += e->len");
  const [done] = at("q->done(q);");
  assertEquals(problem(fill!, "q->nxt"), "struct queue has no member `nxt`; did you mean `next`?");
  assertEquals(
    problem(fill!, "cout"),
    "`cout` is no name that queue_fill() sees here; did you mean `count`?",
  );
  assertEquals(
    problem(fill!, "zzz->len"),
    "`zzz` is no name that queue_fill() sees here; it has q, count, sum, index, e, the_queue, calls",
  );
  assertEquals(problem(fill!, "count->len"), "`count` is not a structure, but u32");
  assertEquals(
    problem(fill!, "q->freed->freed"),
    "struct entry has no member `freed`; it has addr, len",
  );
  assertEquals(problem(entry!, "index"), "Cannot read `index`: it has no value yet");
  assertEquals(problem(fill!, "index + 1"), "Cannot read `index`: it is optimised out here");
  assertEquals(
    problem(fill!, "wild->balance", 1),
    "Cannot read `wild->balance`: it is at 0x3333010, where the driver has no memory",
  );
  assertEquals(
    problem(done!, "q->freed->len").replace(/0x\w+/, "…"),
    `Cannot read \`q->freed->len\`: it is after the free of a block of 48 bytes at …, allocated at ${PATH}:71:15, freed at ${PATH}:${
      lines.findIndex((each) => each.includes("kfree(q->entries)")) + 1
    }:2`,
  );
  assertEquals(
    problem(fill!, "q->entries[3].len").replace(/0x\w+/, "…").split(", allocated")[0],
    "Cannot read `q->entries[3].len`: it is 8 bytes past a block of 48 bytes at …",
  );
  assertEquals(
    problem(fill!, "q->").split(";")[0],
    "`q->` is no expression of C that is read here: it ends too early",
  );
});

Deno.test("conditions on lines of C see what C sees", () => {
  assertEquals(at("e->len = 16", "index == 1 && e->len == 0").length, 1);
  assertEquals(at("e->len = 16", "iommu.live_mappings == 0").length, 3);
  const line = lines.findIndex((each) => each.includes("e->len = 16")) + 1;
  const check = (condition: string) => () =>
    checkBreakpoint(recording, { cause: { kind: "line", file: PATH, line }, condition });
  check("index > 1")();
  assertThrows(check("idx == 1"), EvaluationError, "`idx` is no name that queue_fill() sees here");
  assertThrows(
    check("count"),
    EvaluationError,
    "A condition is true or false, but `count` is an int",
  );
});
