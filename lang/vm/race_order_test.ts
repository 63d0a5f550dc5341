import { assertEquals } from "@std/assert";
import { SourceFile } from "../source.ts";
import { nextOrder, RaceOrder } from "./race_order.ts";

/** All orders of blocks with these numbers of statements. */
function allOrders(lengths: readonly number[]): string[] {
  const source = new SourceFile("t.dma", "x");
  const found: string[] = [];
  for (let wanted: readonly number[] | null = []; wanted !== null;) {
    const order = new RaceOrder(wanted);
    const left = [...lengths];
    while (left.some((count) => count > 0)) {
      const enabled = left.flatMap((count, block) => count > 0 ? [block] : []);
      const block = enabled[order.choose(enabled.length)]!;
      left[block]!--;
      order.steps.push({ block, statement: { source, start: 0, end: 1 } });
    }
    found.push(order.letters);
    wanted = nextOrder(order.choices);
  }
  return found;
}

Deno.test("nextOrder() comes to every order once, the first block first", () => {
  assertEquals(allOrders([2, 2]), ["AABB", "ABAB", "ABBA", "BAAB", "BABA", "BBAA"]);
  assertEquals(allOrders([3, 0]), ["AAA"]);
  assertEquals(allOrders([1, 1, 1]).length, 6);
});

Deno.test("two blocks of six statements have 924 orders, all different", () => {
  const orders = allOrders([6, 6]);
  assertEquals(orders.length, 924);
  assertEquals(new Set(orders).size, 924);
});

Deno.test("an order is shown as its statements, cut in the middle when there are many", () => {
  const source = new SourceFile("t.dma", "let seen = x\nif seen == 0 {\n  x = 1\n}\n");
  const order = new RaceOrder([]);
  order.steps.push({ block: 0, statement: { source, start: 0, end: 12 } });
  order.steps.push({ block: 1, statement: { source, start: 13, end: 37 } });
  assertEquals(order.lines(), [
    "  A  t.dma:1:1  let seen = x",
    "  B  t.dma:2:1          if seen == 0 { …",
  ]);
  assertEquals(order.changes, 1);
  for (let more = 0; more < 50; more++) order.steps.push(order.steps[0]!);
  assertEquals(order.lines().length, 49);
  assertEquals(order.lines()[24], "  … 4 statements …");
});
