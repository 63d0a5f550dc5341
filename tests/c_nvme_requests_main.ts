/**
 * `deno task nvme-requests [N]`: N random requests in every mode through the NVMe driver in C, and the same
 * through the kernel's, with their commands compared. 10000 when nothing is said.
 */
import { requestsProgram, runRequests } from "./c_nvme_requests.ts";

const count = Number(Deno.args[0] ?? 10_000);
const program = await requestsProgram(count);
let wrong = 0;
const outcomes = runRequests(program);
for (const { compared, different, failure, formats, name } of outcomes) {
  const formatted = [...formats].map(([format, many]) => `${many} ${format}`).join(", ");
  console.log(`${name}: ${failure ?? "held"}, ${formatted}; ${compared} compared`);
  for (const text of different.slice(0, 3)) console.log(text);
  wrong += different.length + (failure === null ? 0 : 1);
}
Deno.exit(wrong === 0 ? 0 : 1);
