/** The facts of a line of a kernel's log. */

/** A value as `--json` prints it; addresses are hex with `0x` and no leading zeroes. */
export type Fact = string | number | boolean | null | readonly Fact[] | {
  readonly [name: string]: Fact;
};
export type LogEntryFacts = Readonly<Record<string, Fact>>;
