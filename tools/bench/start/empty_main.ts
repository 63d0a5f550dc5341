/** A program that only prints when it began and ended. It shows the cost of Deno itself. */
import { BEGUN_MS, nowMs } from "./clock.ts";

const ended: readonly [string, number][] = [["begun", BEGUN_MS], ["ended", nowMs()]];
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(ended)));
