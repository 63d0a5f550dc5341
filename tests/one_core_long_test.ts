import { compareFrontEnds } from "./one_core.ts";

Deno.test("terminal, adapter and views hold the same at 1000 random positions", () =>
  compareFrontEnds(1000, 15));
