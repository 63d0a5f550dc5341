/**
 * The table of random checks: `CHECKS` and `TEXT_CHECKS`. One library of cases
 * (`extensions/hunt/cases/`) draws the machines, requests and mappings of all of them: a seed and a case's number give one case. The short and the
 * long tests, the scripts and the sums of `deno task snapshots` run this table, each with its own
 * budget. A case that fails prints the line that repeats it.
 *
 * The texts of `TEXT_CHECKS` (`tests/fuzz/`) are not drawn by the library: they are mutations of the
 * examples, and calls with values that earlier calls returned. They run in workers, which can be
 * ended when a text hangs. They draw with the library's `Choices` by a seed and a number, too.
 *
 * Not in this table:
 * - `dmalab hunt`: it draws the same requests with fast-check's own seeds, because findings that
 *   users keep name these seeds, and it shrinks by fast-check.
 * - Tests of one class against a model (`*_model_test.ts`): a core member may not import an
 *   extension.
 * - Sequences for C code of a kernel tree (`extensions/kernel_tree/oracle/`): they are drawn for the
 *   functions of one file, and a machine does not have the state of these functions.
 */
import type { Check } from "./check.ts";
import { DRIVERS } from "./drivers.ts";
import { MAPPINGS } from "./mappings.ts";
import { FORGOTTEN, PLANTED } from "./mistakes.ts";
import { MIGRATIONS } from "./migrations.ts";
import { REGIONS } from "./regions.ts";
import { REQUESTS } from "./requests.ts";
import { SOAK } from "./soak.ts";

export const SEED = 1;

export const CHECKS: readonly Check[] = [
  REQUESTS,
  MAPPINGS,
  DRIVERS,
  PLANTED,
  FORGOTTEN,
  SOAK,
  REGIONS,
  MIGRATIONS,
];

/** Numbers of cases of a check of texts; all of them draw with `SEED`. */
interface TextCheck {
  readonly about: string;
  readonly short: number;
  readonly long: number;
  readonly script: number;
}

/** Checks of texts, which `tests/fuzz_test.ts`, `tests/fuzz_long_test.ts` and the script `fuzz` run. */
export const TEXT_CHECKS = {
  programs: {
    about: "broken programs are answered in time: no crash, no stack trace, no hang",
    short: 300,
    long: 3_000,
    script: 1_000_000,
  },
  calls: {
    about: "calls of every builtin are answered: no bug, no nonsense in any text",
    short: 3_000,
    long: 14_000,
    script: 1_000_000,
  },
  layouts: {
    about: "programs laid out by lot parse, and formatting twice changes nothing",
    short: 60,
    long: 200,
    script: 10_000,
  },
} as const satisfies Readonly<Record<string, TextCheck>>;
