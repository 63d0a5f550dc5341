import { compareFrontEnds } from "./one_core.ts";

Deno.test("terminal, adapter and views hold the same at 100 random positions", () =>
  compareFrontEnds(100, 3));
