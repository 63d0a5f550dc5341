/**
 * The file of a shard, in JSON lines. The first line contains the hunt and the shard's number, each
 * other line the record of a seed. Only complete lines count, so that a shard can be killed at any
 * moment and restarted.
 */
import { appendFile, beside, FileError, readHostFile, rewriteFile } from "@dmalab/cli";
import { MAX_SEEDS, seedsOf, type SeedsPlan } from "./seeds.ts";

/** Maximum size of a shard's file. */
const MAX_BYTES = 2 ** 29;
/** The maximum that `--shard` accepts. */
const MAX_SHARDS = 9999;

/** The first line of a file. */
export interface ShardHead extends SeedsPlan {
  /** The shard's number, from 1. */
  readonly shard: number;
}

export interface SeedFinding {
  /** Identifies the cause: findings with the same text count as one. */
  readonly cause: string;
  readonly scenario: string;
}

/** A line of a shard's file. */
export interface SeedRecord {
  readonly seed: number;
  /** Number of steps of a hunt, or of cases of drivers. */
  readonly cases: number;
  readonly findings: readonly SeedFinding[];
}

export interface ShardFile {
  readonly head: ShardHead;
  readonly records: readonly SeedRecord[];
  /** The text of the complete lines. */
  readonly text: string;
  /** Whether an incomplete line follows the records. */
  readonly isTorn: boolean;
}

/**
 * Reads a shard's file.
 *
 * @returns Null if the file does not exist yet, or has no complete head.
 * @throws {FileError} If the file is not a shard's file.
 */
export function readShardFile(path: string): ShardFile | null {
  const file = readHostFile(path, { mostBytes: MAX_BYTES });
  if (!file.found) {
    if (file.reason === "not_found") return null;
    throw new FileError(file.problem, file.code);
  }
  const text = file.text.slice(0, file.text.lastIndexOf("\n") + 1);
  const isTorn = text.length < file.text.length;
  // If a head was truncated, the text begins like a head. Any other text without a line end is not
  // a shard's file.
  if (text === "" && (file.text === "" || HEAD.startsWith(file.text.slice(0, HEAD.length)))) {
    return null;
  }
  const [head, ...records] = text.slice(0, -1).split("\n").map((line) => parsed(line));
  if (!isHead(head)) throw new FileError(`Cannot read "${path}": it is not a shard file`);
  const own = new Set(seedsOf(head, head.shard - 1));
  const broken = records.findIndex((record) => !isRecord(record) || !own.has(record.seed));
  if (broken >= 0) {
    throw new FileError(`${path}:${broken + 2}: this line is not a record of a seed`);
  }
  return { head, records: records as SeedRecord[], text, isTorn };
}

/** The beginning of a shard's file. */
const HEAD = '{"hunt":"';

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function isHead(value: unknown): value is ShardHead {
  const { cases, files, hunt, seed, seeds, shard, shards, version } = (value ?? {}) as Partial<
    ShardHead
  >;
  return typeof hunt === "string" && typeof version === "string" &&
    // Files of an earlier release lack these fields; {@linkcode openShardFile} refuses them later as
    // files of another hunt.
    (files === undefined || typeof files === "string") &&
    (cases === undefined || cases === null || isWhole(cases, 0, Number.MAX_SAFE_INTEGER)) &&
    isWhole(seed, 0, Number.MAX_SAFE_INTEGER) && isWhole(seeds, 1, MAX_SEEDS) &&
    isWhole(shards, 1, MAX_SHARDS) && isWhole(shard, 1, shards);
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

function isRecord(value: unknown): value is SeedRecord {
  const { cases, findings } = (value ?? {}) as Partial<SeedRecord>;
  return isWhole(cases, 0, Number.MAX_SAFE_INTEGER) && Array.isArray(findings) &&
    findings.every(isFinding);
}

function isFinding(value: unknown): value is SeedFinding {
  const { cause, scenario } = (value ?? {}) as Partial<SeedFinding>;
  return typeof cause === "string" && typeof scenario === "string";
}

/**
 * The records of a shard's earlier runs. After the call, the file exists and ends with a complete line.
 * @throws {FileError} If the file belongs to another hunt.
 */
export function openShardFile(path: string, head: ShardHead): readonly SeedRecord[] {
  const known = readShardFile(path);
  if (known === null) {
    rewriteFile(beside(path), `${JSON.stringify(head)}\n`);
    return [];
  }
  const hint = "keep the file, and name another folder with --out";
  const { cases, files, hunt, seed, seeds, shard, shards, version } = known.head;
  const plan = { hunt, version, files, seed, seeds, shards, cases, shard };
  if (JSON.stringify({ ...plan, files: head.files }) !== JSON.stringify(head)) {
    throw new FileError(`"${path}" belongs to another hunt or shard`, null, hint);
  }
  if (files !== head.files) {
    const problem = `"${path}" belongs to a hunt before its scenario or drivers were changed`;
    throw new FileError(problem, null, hint);
  }
  if (known.isTorn) rewriteFile(beside(path), known.text);
  return known.records;
}

export function addRecord(path: string, record: SeedRecord): void {
  appendFile(beside(path), `${JSON.stringify(record)}\n`);
}
