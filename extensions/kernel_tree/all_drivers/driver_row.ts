/** Rows of the table of a tree's drivers, and the files that keep them. */
import { TreeError } from "@dmalab/runtime/kernels";
import type { FirstReport } from "@dmalab/c_drivers";
import { host, readHostFile, rewriteFile } from "@dmalab/cli";
import { join } from "@dmalab/cli/extend";
import type { Shard } from "@dmalab/cli/testing";
import { formatCount } from "@dmalab/lang/text";

/** A driver, with the tree's release and what its first report says. */
export interface DriverRow extends FirstReport {
  readonly path: string;
  readonly release: string;
  /** Why the driver could not be read; null if it was. */
  readonly problem: string | null;
}

/** The name of a file with rows: of a run with all wanted drivers, or of one shard. */
const ROWS = /^drivers(?:-\d{1,4}-of-\d{1,4})?\.jsonl$/;
/** Largest size of a file with rows. */
const MAX_BYTES = 2 ** 26;
/** Most needs that the summary lists. */
const MOST_NEEDS = 20;

/**
 * The rows of a folder, of all runs with the same release. A run writes its own file only, so that several machines can
 * share the folder.
 */
export class DriverRows {
  readonly #known = new Map<string, DriverRow>();
  readonly #own: Map<string, DriverRow>;
  readonly #name: string;

  /** @throws {TreeError} If a file with rows cannot be read. */
  constructor(readonly folder: string, release: string, { count, index }: Shard) {
    this.#name = count === 1 ? "drivers.jsonl" : `drivers-${index + 1}-of-${count}.jsonl`;
    for (const { name } of host.readDirSync(folder)) {
      if (!ROWS.test(name)) continue;
      for (const row of rowsIn(folder, name, release)) this.#known.set(row.path, row);
    }
    const own = rowsIn(folder, this.#name, release);
    this.#own = new Map(own.map((row) => [row.path, row]));
  }

  get(path: string): DriverRow | undefined {
    return this.#known.get(path);
  }

  /** Adds a row, and writes the file of this run. */
  add(row: DriverRow): void {
    this.#known.set(row.path, row);
    this.#own.set(row.path, row);
    const text = [...this.#own.values()].map((each) => `${JSON.stringify(each)}\n`).join("");
    rewriteFile({ folder: this.folder, name: this.#name }, text);
  }
}

/** The rows of a file with the same release. A line that is cut off is left out. */
function rowsIn(folder: string, name: string, release: string): readonly DriverRow[] {
  const file = readHostFile(join(folder, name), { mostBytes: MAX_BYTES, followsLinks: false });
  if (!file.found && file.reason !== "not_found") {
    throw new TreeError(file.problem, `name another folder with --out, or remove ${name}`);
  }
  const lines = file.found ? file.text.split("\n").filter((line) => line !== "") : [];
  return lines.flatMap((line) => parsedRow(line) ?? []).filter((row) => row.release === release);
}

export function parsedRow(line: string): DriverRow | null {
  try {
    const row = JSON.parse(line) as Partial<DriverRow> | null;
    const isRow = typeof row?.path === "string" && typeof row.release === "string" &&
      typeof row.compiles === "boolean" && typeof row.maps === "boolean" &&
      Array.isArray(row.missing) && Array.isArray(row.stubs);
    return isRow ? row as DriverRow : null;
  } catch {
    return null;
  }
}

/** A driver's line: how far it comes, and what stops it. */
export function rowText(row: DriverRow): string {
  const need = needOf(row);
  return `${row.path} | ${reachedBy(row)}${need === null ? "" : ` | ${need}`}`;
}

/** How far a driver comes. */
export function reachedBy(row: DriverRow): string {
  const probes = row.maps ? "probes, maps memory" : "probes";
  if (row.passes) return `${probes}, is removed`;
  if (row.probes) return probes;
  return row.compiles ? "compiles" : "-";
}

/** What stops a driver; null if nothing does. */
export function needOf(row: DriverRow): string | null {
  return row.problem ?? row.missing[0] ?? row.failure;
}

/** Counts, and the functions that most drivers lack. */
export function summaryOf(rows: readonly DriverRow[]): readonly string[] {
  const count = (is: (row: DriverRow) => boolean) => rows.filter(is).length;
  const stubs = rows.flatMap((row) => row.stubs.map((stub) => /^\w+/.exec(stub)?.[0] ?? stub));
  const named = [...Map.groupBy(stubs, (name) => name)].map(([name, all]) =>
    [name, all.length] as const
  ).toSorted(([one, a], [other, b]) => b - a || (one < other ? -1 : 1));
  return [
    `${formatCount(rows.length, "driver")} | ${count((row) => row.compiles)} compile, ${
      count((row) => row.probes)
    } probe, ${count((row) => row.probes && row.maps)} of them map memory, ${
      count((row) => row.passes)
    } are removed without a finding`,
    ...named.slice(0, MOST_NEEDS).map(([name, drivers]) =>
      `  ${formatCount(drivers, "driver")} called ${name}(), which dmalab does not have`
    ),
  ];
}
