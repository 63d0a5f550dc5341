/**
 * A file of results, with which an interrupted run can be continued. A killed mutant stays killed
 * as long as its source file is unchanged. A survivor is tried again when any test or source has
 * changed. The long suite contains all tests of the short suite: a change that the short suite
 * notices counts as noticed by the long suite, too.
 */
import { join } from "node:path";
import { filesBelow } from "../source_text.ts";
import type { Candidate } from "./candidates.ts";
import type { Fate, Result } from "./mutate.ts";
import { hash, keyOf } from "./plan.ts";

interface Line {
  readonly key: string;
  readonly start: number;
  /** Hash of the source file to which the change is made, without the change. */
  readonly source: number;
  /** Hash of all sources and tests. */
  readonly everything: number;
  readonly short: boolean;
  readonly fate: Fate;
  readonly killer: string | null;
  readonly killerFile: string | null;
  readonly stage: string | null;
  readonly ms: number;
}

export class ResultFile {
  readonly #path: string;
  readonly #root: string;
  readonly #short: boolean;
  readonly #everything: number;
  readonly #sources = new Map<string, number>();
  readonly #known = new Map<string, Line>();

  /** @param short Whether only the tests of the short suite are run. */
  constructor(path: string, root: string, folders: readonly string[], short: boolean) {
    this.#path = path;
    this.#root = root;
    this.#short = short;
    const files = folders.flatMap((folder) => filesBelow(join(root, folder)))
      .filter((file) => file.endsWith(".ts"));
    this.#everything = hash(files.map((file) => Deno.readTextFileSync(file)).join("\0"));
    for (const text of readLines(path)) {
      const line = JSON.parse(text) as Line;
      this.#known.set(`${line.key}\n${line.start}`, line);
    }
  }

  /** The earlier result of a mutant, if it is still valid; otherwise null. */
  known(candidate: Candidate): Result | null {
    const line = this.#known.get(`${keyOf(candidate)}\n${candidate.start}`);
    if (line === undefined || line.source !== this.#sourceOf(candidate.path)) return null;
    const { fate, killer, killerFile, ms, short, stage } = line;
    if (short !== this.#short && short !== (fate === "killed")) return null;
    if (fate !== "killed" && line.everything !== this.#everything) return null;
    return { candidate, fate, killer, killerFile, stage, ms };
  }

  add({ candidate, fate, killer, killerFile, ms, stage }: Result): void {
    const line: Line = {
      key: keyOf(candidate),
      start: candidate.start,
      source: this.#sourceOf(candidate.path),
      everything: this.#everything,
      short: this.#short,
      fate,
      killer,
      killerFile,
      stage,
      ms,
    };
    Deno.writeTextFileSync(this.#path, `${JSON.stringify(line)}\n`, { append: true });
  }

  #sourceOf(path: string): number {
    const known = this.#sources.get(path);
    if (known !== undefined) return known;
    const value = hash(Deno.readTextFileSync(join(this.#root, path)));
    this.#sources.set(path, value);
    return value;
  }
}

function readLines(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
