import { assertEquals } from "@std/assert";
import { EventFacts } from "./explanation.ts";
import { explainByText } from "./explain_decision.ts";

Deno.test("places are printed as the vocabulary does, and optional parts go where they hold nothing", () => {
  const fields = { start: 0xffff_d000, size_bytes: 8192, to: "tree" };
  const facts = (inputs: Record<string, number | boolean>) =>
    new EventFacts("iova.free", fields as never, { rule: "dma.4.3", inputs });
  const row = [{ to: "tree" }, "{start}, {size_bytes} by {why.rule}[?late; late]", "[{left:page}]"];
  const explain = (inputs: Record<string, number | boolean>) =>
    explainByText([row as never], facts(inputs));
  assertEquals(explain({}), { title: "0xffff_d000, 8KiB by dma.4.3", why: "" });
  assertEquals(explain({ late: true, left: 2 }), {
    title: "0xffff_d000, 8KiB by dma.4.3; late",
    why: "2 pages",
  });
  assertEquals(explainByText([[{ to: "rcache" }, "", ""]], facts({})), null);
});
