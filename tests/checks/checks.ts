/**
 * The table of random checks. One library of cases (`extensions/hunt/cases/`) draws the machines,
 * requests and mappings of all of them: a seed and a case's number give one case. The short and the
 * long tests, the scripts and the sums of `deno task snapshots` run this table, each with its own
 * budget. A case that fails prints the line that repeats it.
 *
 * Not in this table:
 * - Programs and calls for the language (`tests/fuzz/`): they are mutations of texts, which need the
 *   examples as a corpus, and workers that can be ended when a text hangs. They draw with the
 *   library's `Choices`.
 * - `dmalab hunt`: it draws the same requests with fast-check's own seeds, because findings that
 *   users keep name these seeds, and it shrinks by fast-check.
 * - Tests of one class against a model (`*_model_test.ts`): a core member may not import an
 *   extension.
 * - Sequences for C code of a kernel tree (`extensions/kernel_tree/oracle/`): they are drawn for the
 *   functions of one file, whose state a machine does not have.
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
