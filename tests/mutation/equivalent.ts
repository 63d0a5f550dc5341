/**
 * Changes that no test can notice, or none should: what a person has judged, with the reason.
 *
 * An entry is found by its file, the text of its line and the change, so that it does not outlive its
 * line: one that fits nothing any more is reported by `deno task mutate`, and fails a test.
 */

export interface Equivalent {
  /** Of the file, from the project's folder. */
  readonly path: string;
  /** Text of the line, without what indents it. */
  readonly line: string;
  /** As `deno task mutate` prints it; several where one reason holds for all of them. */
  readonly changes: readonly string[];
  readonly reason: string;
}

export const EQUIVALENT: readonly Equivalent[] = [];
