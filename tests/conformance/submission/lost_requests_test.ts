import { assertEquals } from "@std/assert";
import type { BlockRequest } from "@dmalab/runtime";
import type { CaptureCase, CaptureEnvironment } from "../kernel/kernel_data.ts";
import { LostRequests } from "./submission_replay.ts";

const at = (number: number, slba: number) =>
  ({ id: `run.1/${number}`, request: { slba } }) as unknown as CaptureCase;
const made = (sector: number) => ({ sector }) as BlockRequest;
const environment = (dropped: number) => ({ dropped }) as CaptureEnvironment;

Deno.test("a hole in the numbers beside a call's requests is one that the record lost", () => {
  const cases = [at(54, 8), at(56, 100), at(57, 200)];
  const lost = new LostRequests(environment(1), cases);
  const got = [made(64), made(100)];
  assertEquals(lost.withoutLost(got, [cases[1]!]).map(({ sector }) => sector), [100]);
  assertEquals(lost.withoutLost([made(150), made(200)], [cases[2]!]).length, 2);
});

Deno.test("a run that lost nothing has none, and no more are missing than there are holes", () => {
  const cases = [at(54, 8), at(56, 100)];
  const got = [made(32), made(64), made(100)];
  assertEquals(new LostRequests(environment(0), cases).withoutLost(got, [cases[1]!]).length, 3);
  assertEquals(new LostRequests(environment(1), cases).withoutLost(got, [cases[1]!]).length, 2);
});
