import { assertEquals } from "@std/assert";
import { chooseCompiler } from "../system_clang.ts";
import { type AnyJob, postJob, type WorkerJob } from "./run_plan.ts";

Deno.test("a worker gets the compiler of the command line with its job", () => {
  const posted: WorkerJob<AnyJob>[] = [];
  const worker = { postMessage: (orders: WorkerJob<AnyJob>) => void posted.push(orders) };
  const shared = new SharedArrayBuffer(4);
  chooseCompiler("/opt/clang");
  try {
    postJob(worker as unknown as Worker, { kind: "x", path: null }, shared);
  } finally {
    chooseCompiler(null);
  }
  assertEquals(posted.map(({ compiler, interrupts }) => [compiler, interrupts === shared]), [
    ["/opt/clang", true],
  ]);
});
