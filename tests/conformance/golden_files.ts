/** Finds and reads golden data: a folder with the layout of `tests/golden`, or a part of it. */
import { join } from "node:path";

/** The folders with cases, in the order of the report. */
const CASE_FOLDERS = [
  "kernel",
  "releases",
  "guests",
  "iova",
  "pagetable",
  "invalidations",
  "swiotlb",
  "hmm",
  "vfio",
  "defects",
] as const;

/** Files that describe the data and contain no case. */
const NOT_CASES = new Set(["index.json", "perf.json", "facts.json"]);

const DATA_FILE = /^(.*?)\.jsonl?(?:\.gz)?$/;

/** One data file. Its group is its path below the data folder without the ending. */
export interface GoldenFile {
  /** Such as `kernel/history/v7.2-strict`. */
  readonly group: string;
  readonly path: string;
}

/**
 * Lists every data file below a folder. The files of each folder are sorted by group.
 *
 * @throws {Deno.errors.NotFound} When the folder does not exist.
 */
export function listGoldenFiles(directory: string): readonly GoldenFile[] {
  Deno.statSync(directory);
  const files: GoldenFile[] = [];
  for (const folder of CASE_FOLDERS) {
    files.push(...filesBelow(join(directory, folder), folder));
  }
  return files;
}

function filesBelow(path: string, group: string): GoldenFile[] {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(path)];
  } catch (error) {
    // A data folder may lack some of the folders with cases.
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const found: GoldenFile[] = [];
  for (const entry of entries) {
    const below = join(path, entry.name);
    if (entry.isDirectory) {
      found.push(...filesBelow(below, `${group}/${entry.name}`));
      continue;
    }
    const name = DATA_FILE.exec(entry.name)?.[1];
    if (name !== undefined && !NOT_CASES.has(entry.name)) {
      found.push({ group: `${group}/${name}`, path: below });
    }
  }
  return found;
}

/**
 * Thrown for a data file that cannot be read: the file is missing, not permitted, damaged, or of
 * another kind than its name says.
 */
export class GoldenReadError extends Error {
  override readonly name = "GoldenReadError";
}

/**
 * The whole text of a file. A gzipped file is unpacked.
 *
 * @throws {GoldenReadError} When the file cannot be read or unpacked.
 */
export async function readGoldenText(path: string): Promise<string> {
  try {
    const bytes = await Deno.readFile(path);
    if (!path.endsWith(".gz")) return new TextDecoder().decode(bytes);
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return await new Response(unpacked).text();
  } catch (error) {
    throw new GoldenReadError(`Cannot read ${path}: ${(error as Error).message}`);
  }
}

/**
 * The value of a JSON file.
 * @throws {GoldenReadError} If the file cannot be read, or is not JSON.
 */
export async function readJson<T>(path: string): Promise<T> {
  return parseJson<T>(await readGoldenText(path), path);
}

/** The objects of a JSON Lines file, in order. @throws {GoldenReadError} As `readJson`. */
export async function readLines<T>(path: string): Promise<T[]> {
  return parseLines<T>(await readGoldenText(path));
}

/** Whether a file exists. */
export function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Parses a JSON text. Throws a `GoldenReadError` that names the place. */
function parseJson<T>(text: string, place: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new GoldenReadError(`${place} is not JSON: ${(error as Error).message}`);
  }
}

/** The objects of a JSON Lines text, in order. Throws `GoldenReadError` with the line's number. */
export function parseLines<T>(text: string): T[] {
  const parsed: T[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const place = `Line ${index + 1}`;
    const value = parseJson<T>(line, place);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new GoldenReadError(`${place} is no object`);
    }
    parsed.push(value);
  }
  return parsed;
}
