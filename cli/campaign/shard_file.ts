/**
 * The file of a shard: JSON lines. The first has the plan and the shard's number, each other one the
 * record of a try. A line counts when it is whole, so that a shard can be killed at any moment and
 * started again.
 */
import { readHostFile } from "../host_file.ts";
import { FileError } from "../files/file_error.ts";
import { appendFile, beside, rewriteFile } from "../files/write_file.ts";
import { type CampaignPlan, isPlan } from "./plan.ts";
import type { TryFinding, TryRecord } from "./run_try.ts";

/** Bytes of a shard's file that is read. */
const MOST_BYTES = 2 ** 29;

export interface ShardHead {
  readonly campaign: CampaignPlan;
  /** From 1. */
  readonly shard: number;
}

export interface ShardFile {
  readonly head: ShardHead;
  readonly records: readonly TryRecord[];
  /** The whole lines. */
  readonly text: string;
  /** An incomplete line follows them. */
  readonly isTorn: boolean;
}

/** Reads a shard's file. @throws {FileError} Where it is none; null: there is none yet. */
export function readShardFile(path: string): ShardFile | null {
  const file = readHostFile(path, { mostBytes: MOST_BYTES });
  if (!file.found) {
    if (file.reason === "not_found") return null;
    throw new FileError(file.problem, file.code);
  }
  const text = file.text.slice(0, file.text.lastIndexOf("\n") + 1);
  const isTorn = text.length < file.text.length;
  if (text === "") return null;
  const [first, ...rest] = text.slice(0, -1).split("\n").map((line) => parsed(line));
  const head = first as Partial<ShardHead> | null;
  if (!isPlan(head?.campaign) || typeof head?.shard !== "number") {
    throw new FileError(`Cannot read "${path}": it is not a shard file`);
  }
  const broken = rest.findIndex((record) => !isRecord(record));
  if (broken >= 0) {
    throw new FileError(`${path}:${broken + 2}: this line is not a record of a try`);
  }
  return { head: head as ShardHead, records: rest as TryRecord[], text, isTorn };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is TryRecord {
  const { cases, findings, key } = (value ?? {}) as Partial<TryRecord>;
  return typeof key === "string" && Number.isSafeInteger(cases) && cases! >= 0 &&
    Array.isArray(findings) && findings.every(isFinding);
}

function isFinding(value: unknown): value is TryFinding {
  const { cause, scenario } = (value ?? {}) as Partial<TryFinding>;
  return typeof cause === "string" && typeof scenario === "string";
}

/**
 * The keys of what a shard has tried. The file is there afterwards, and ends with a whole line.
 * @throws {FileError} Where it belongs to another plan.
 */
export function openShardFile(path: string, head: ShardHead): Set<string> {
  const known = readShardFile(path);
  if (known === null) {
    rewriteFile(beside(path), `${JSON.stringify(head)}\n`);
    return new Set();
  }
  if (JSON.stringify(known.head) !== JSON.stringify(head)) {
    const hint = "keep the file, and name another folder with --out";
    throw new FileError(`"${path}" belongs to another plan or shard`, null, hint);
  }
  if (known.isTorn) rewriteFile(beside(path), known.text);
  return new Set(known.records.map(({ key }) => key));
}

export function addRecord(path: string, record: TryRecord): void {
  appendFile(beside(path), `${JSON.stringify(record)}\n`);
}
