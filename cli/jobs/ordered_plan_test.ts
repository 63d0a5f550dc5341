import { assertEquals } from "@std/assert";
import { type NumberedJob, OrderedPlan } from "./ordered_plan.ts";

interface Message {
  readonly kind: "end";
  readonly text: string;
}

Deno.test("results count in the order of the jobs, and are there as soon as they come", () => {
  const [ended, shown]: [string[], string[]] = [[], []];
  const plan = new OrderedPlan<NumberedJob, Message>({
    count: 3,
    job: (number) => ({ kind: "x", path: null, number }),
    onEnd: ({ text }, number) => ended.push(`${number} ${text}`),
    onNext: ({ text }, number) => shown.push(`${number} ${text}`),
    mayGoOn: () => true,
  });
  const jobs = [plan.next()!, plan.next()!, plan.next()!];
  assertEquals(plan.next(), null);
  const end = (at: number) => plan.receive(jobs[at]!, { kind: "end", text: "abc"[at]! });
  end(2);
  assertEquals([ended, shown, plan.leftMs(10)], [["2 c"], [], 20]);
  end(0);
  assertEquals([shown, plan.isComplete()], [["0 a"], false]);
  end(1);
  assertEquals([ended, shown, plan.isComplete()], [
    ["2 c", "0 a", "1 b"],
    ["0 a", "1 b", "2 c"],
    true,
  ]);
});

Deno.test("no job begins once the plan may not go on", () => {
  let mayGoOn = true;
  const plan = new OrderedPlan<NumberedJob, Message>({
    count: 2,
    job: (number) => ({ kind: "x", path: null, number }),
    mayGoOn: () => mayGoOn,
  });
  assertEquals(plan.next()?.number, 0);
  mayGoOn = false;
  assertEquals(plan.next(), null);
});
