/** Every diagnostic's code. The texts live in `codes/`, by area. */
import { CHECK_CODES } from "./codes/check.ts";
import type { CodeEntry } from "./codes/entry.ts";
import { MACHINE_CODES } from "./codes/machine.ts";
import { RUN_CODES } from "./codes/run.ts";
import { SYNTAX_CODES } from "./codes/syntax.ts";

const TABLE = { ...SYNTAX_CODES, ...CHECK_CODES, ...MACHINE_CODES, ...RUN_CODES };

/** @internal */
export type DiagnosticTable = typeof TABLE;

/** The code of a diagnostic: `E0401`. */
export type DiagnosticCode = keyof DiagnosticTable;

/** All codes with their texts, for `dmalab explain`, the reference and the tests. */
export const DIAGNOSTIC_CODES: Readonly<Record<DiagnosticCode, CodeEntry>> = TABLE;
