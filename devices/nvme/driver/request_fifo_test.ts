import { assertEquals } from "@std/assert";
import { DriverRig, pages } from "../_driver_rig.ts";
import { RequestFifo } from "./queues.ts";

Deno.test("RequestFifo returns requests in order, also after it grew and wrapped", () => {
  const rig = new DriverRig();
  const requests = Array.from({ length: 100 }, () => rig.request(pages(1)).request);
  const fifo = new RequestFifo();
  assertEquals(fifo.shift(), null);
  let out = 0;
  for (const [index, request] of requests.entries()) {
    fifo.push(request);
    if (index % 3 === 2) assertEquals(fifo.shift() === requests[out++], true);
  }
  while (fifo.length > 0) assertEquals(fifo.shift() === requests[out++], true);
  assertEquals(out, 100);
  assertEquals(fifo.shift(), null);
});
