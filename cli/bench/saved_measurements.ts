/**
 * Files with measurements of benches and of `deno task bench`: `--save` writes such a file, `--against` reads
 * it.
 */
import { rewriteFile } from "../files/write_file.ts";
import { isFolder, readHostFile } from "../host_file.ts";
import type { Measurements } from "./statistics.ts";
import { dirname } from "../paths.ts";

/** What `--save` writes. */
export interface SavedMeasurements {
  /** The commit that was measured, or the version of dmalab. */
  readonly commit: string;
  readonly deno: string;
  readonly results: Measurements;
}

/** The reason why nothing can be measured: a sentence for the user, without its full stop. */
export class CannotMeasure extends Error {}

/** Checks before a long measurement that its file can be written. @throws {CannotMeasure} */
export function checkSavePlace(path: string): void {
  readSaved(path);
  const folder = dirname(path);
  if (!isFolder(folder)) throw new CannotMeasure(`there is no folder "${folder}"`);
}

/** Reads saved measurements; null if the file does not exist. @throws {CannotMeasure} */
export function readSaved(path: string): SavedMeasurements | null {
  const file = readHostFile(path);
  if (!file.found) {
    if (file.reason === "not_found") return null;
    throw new CannotMeasure(file.problem);
  }
  try {
    const saved: unknown = JSON.parse(file.text);
    if (isSaved(saved)) return saved;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new CannotMeasure(`"${path}" was not written by --save`);
}

function isSaved(saved: unknown): saved is SavedMeasurements {
  return isRecord(saved) && typeof saved["commit"] === "string" && isRecord(saved["results"]) &&
    Object.values(saved["results"]).every((each) =>
      isRecord(each) && typeof each["unit"] === "string" && Array.isArray(each["values"]) &&
      each["values"].length > 0 && each["values"].every((value) => typeof value === "number")
    );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Writes what was measured. @throws {FileError} */
export function writeSaved(path: string, measurements: SavedMeasurements): void {
  rewriteFile(path, `${JSON.stringify(measurements, null, 1)}\n`);
}
