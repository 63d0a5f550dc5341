/**
 * `deno task nvme-requests [N]`: N random requests in every mode through the NVMe driver in C, and the same
 * through the kernel's, with their commands compared. 10000 when nothing is said.
 */
import { type RequestsOutcome, requestsProgram, runRequests } from "./c_nvme_requests.ts";

function printOutcome({ compared, different, failure, formats, name }: RequestsOutcome): void {
  const formatted = [...formats].map(([format, many]) => `${many} ${format}`).join(", ");
  console.log(`${name}: ${failure ?? "held"}, ${formatted}; ${compared} compared`);
  for (const text of different.slice(0, 3)) console.log(text);
}

const count = Number(Deno.args[0] ?? 10_000);
const outcomes = runRequests(await requestsProgram(count), "unbounced", printOutcome);
const held = outcomes.every(({ different, failure }) => failure === null && different.length === 0);
Deno.exit(held ? 0 : 1);
