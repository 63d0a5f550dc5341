/** A change that no test can notice, or none should: what a person has judged. */
export interface Equivalent {
  /** Of the file, from the project's folder. */
  readonly path: string;
  /** Text of the line, without what indents it. */
  readonly line: string;
  /** As `deno task mutate` prints it; several where one reason holds for all of them. */
  readonly changes: readonly string[];
  readonly reason: string;
}
