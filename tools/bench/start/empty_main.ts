/** A program that only says when it began and ended: what Deno itself takes. */
import { BEGUN_MS, nowMs } from "./clock.ts";

const ended: readonly [string, number][] = [["begun", BEGUN_MS], ["ended", nowMs()]];
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(ended)));
