import { assertEquals } from "@std/assert";
import { requestsProgram, runRequests } from "./c_nvme_requests.ts";
import { findPlanted, loadPlanted } from "./planted_bugs.ts";
import { NVME_DRIVER } from "./planted_nvme.ts";

// Few requests for each test; `deno task script nvme-requests` tries ten thousand in each mode.
const [planted, twelve, four] = await Promise.all([
  loadPlanted(NVME_DRIVER, "short"),
  requestsProgram(12),
  requestsProgram(4),
]);

Deno.test("the NVMe driver in C: right in strict mode, and three planted bugs are found", (t) =>
  findPlanted(t, planted));

Deno.test("the NVMe driver in C and the kernel's give the same commands and lists for random requests", () => {
  const outcomes = runRequests(twelve);
  assertEquals(
    outcomes.flatMap(({ different, failure }) => [...different, failure ?? []].flat()),
    [],
  );
  assertEquals(outcomes.length, 15);
  assertEquals(outcomes.reduce((sum, { compared }) => sum + compared, 0), 13 * 12);
  // Every format of data pointers occurred.
  const formats = new Set(outcomes.flatMap(({ formats }) => [...formats.keys()]));
  assertEquals([...formats].toSorted(), ["prp", "prp, list", "sgl", "sgl list"]);
});

Deno.test("a command that differs is found, wherever it does", () => {
  // Machines that bounce are compared as well. Each disk has separate bounce buffers, so the
  // comparison must find a difference.
  const outcomes = runRequests(four, "all");
  assertEquals(outcomes.map(({ compared }) => compared), Array(15).fill(4));
  assertEquals(outcomes.filter(({ different }) => different.length > 0).length, 2);
});
