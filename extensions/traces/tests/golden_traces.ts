/**
 * The files in tests/golden/traces that tests read: captures of real kernels, with the expected
 * findings for each.
 */
import { readGoldenText } from "@dmalab/tests";

const FOLDER = new URL("../../../tests/golden/traces/", import.meta.url);

/** An expected finding in an `.expect.json` file. */
export interface ExpectedAnomaly {
  readonly kind: string;
  readonly device: string;
  readonly line?: number;
  readonly lines?: readonly number[];
  readonly other_line?: number;
  readonly dmesg_line?: number | null;
  readonly address?: string;
  readonly certainty?: string;
  readonly accept?: readonly string[];
  readonly cause?: string;
  readonly accept_cause?: readonly string[];
}

/**
 * The contents of an `.expect.json`, for a real run, a planted fault or a dialect. The README of the
 * folder explains the fields.
 */
export interface Expected {
  readonly lines: number;
  readonly events: Readonly<Record<string, number>>;
  readonly gaps: readonly {
    readonly line: number;
    readonly cpu: number;
    readonly count?: number;
  }[];
  readonly overwritten: number;
  readonly anomalies: readonly ExpectedAnomaly[];
  readonly closed_lives?: number;
  readonly alive_at_end?: Readonly<Record<string, number>>;
  readonly born_before_trace?: Readonly<Record<string, number>>;
  readonly two_step?: {
    readonly links: number;
    readonly ranges_ended: number;
    readonly links_never_unmapped?: readonly number[];
  };
  readonly accesses_without_a_line?: readonly {
    readonly access: string;
    readonly address: string;
  }[];
  readonly kernel_log?: readonly Readonly<Record<string, unknown>>[];
  readonly devices: Readonly<Record<string, Readonly<Record<string, number | boolean>>>>;
  readonly trace_minus_dmesg_seconds?: number;
  readonly base?: string;
  readonly accept?: Readonly<Record<string, readonly string[]>>;
  readonly possible?: readonly ExpectedAnomaly[];
  readonly damaged_lines?: readonly number[];
  readonly alive_extra?: readonly ExpectedAnomaly[];
  readonly unknown_events?: Readonly<Record<string, number>>;
  readonly failed_to_parse?: number;
  readonly drivers_record?: readonly string[];
}

/** Names of the runs in a folder, sorted. */
export function runsOf(folder: "real" | "planted" | "dialects"): string[] {
  return [...Deno.readDirSync(new URL(`${folder}/`, FOLDER))]
    .flatMap(({ name }) => name.endsWith(".expect.json") ? [name.slice(0, -12)] : []).sort();
}

/** The expected findings of a run such as `real/72-amd`. */
export function readExpected(run: string): Expected {
  return JSON.parse(Deno.readTextFileSync(new URL(`${run}.expect.json`, FOLDER)));
}

/** The path of a file such as `real/72-amd.trace.txt.gz`; null if it does not exist. */
export function goldenPath(name: string): string | null {
  const url = new URL(name, FOLDER);
  try {
    Deno.statSync(url);
    return url.pathname;
  } catch {
    return null;
  }
}

/** The text of a file, uncompressed; null if it does not exist. */
export async function readGolden(name: string): Promise<string | null> {
  const path = goldenPath(name);
  return path === null ? null : await readGoldenText(path);
}
