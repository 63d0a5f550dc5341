import { compareFrontEnds } from "./one_core.ts";

Deno.test("terminal, adapter and views hold the same at 50 random positions", () =>
  compareFrontEnds(50, 3));
