import { assertEquals } from "@std/assert";
import type { CaptureCase } from "./kernel_data.ts";
import { RequestRecords } from "./kernel_replay.ts";

/** A request of a run with only the fields that identify its record. */
function captured(
  cid: number | null,
  group: number,
  submission: number,
  scheduler?: string,
  op = "read",
) {
  return {
    id: "run.1/1",
    config: scheduler === undefined ? {} : { scheduler },
    request: { group, op, submissions: [submission] },
    command: cid === null ? null : { cid },
  } as unknown as CaptureCase;
}

Deno.test("without a scheduler a record is its tag, whatever the command's generation", () => {
  const cases = [captured(0x1003, 1, 2), captured(0x2005, 1, 1), captured(null, 2, 3)];
  const records = new RequestRecords(cases);
  const numbers = cases.map((each) => records.numberOf(each));
  assertEquals(numbers, [0x1003, 0x1005, -1]);
});

Deno.test("with a scheduler records follow submission, tags dispatch", () => {
  const cases = [[9, 78], [10, 81], [11, 79], [12, 80]]
    .map(([tag, submission]) => captured(tag!, 78, submission!, "mq-deadline"));
  const other = captured(13, 82, 82, "mq-deadline");
  const records = new RequestRecords([...cases, other]);
  const numbers = [...cases, other].map((each) => records.numberOf(each) & 0xfff);
  assertEquals(numbers, [0, 3, 1, 2, 4]);
});

Deno.test("the 65th request of a scheduler's word gets the first tag again, or the last one when it writes (nvme.md 2.5)", () => {
  for (const [op, tag] of [["read", 0], ["write", 63]] as const) {
    const cases = Array.from(
      { length: 64 },
      (_, index) => captured(index, index, index, "mq-deadline"),
    );
    const last = captured(64, 64, 64, "mq-deadline", op);
    assertEquals(new RequestRecords([...cases, last]).numberOf(last) & 0xfff, tag);
  }
});
