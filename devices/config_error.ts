/**
 * An error in the configuration: the machine cannot be built. The cause is a wrong `machine` block,
 * and the language reports a diagnostic at the entry that `path` names.
 */
export class ConfigError extends Error {
  /** The name of the error class. */
  override readonly name = "ConfigError";
  /** Where it is. */
  readonly path: readonly string[];
  /** What to write instead, or null. */
  readonly hint: string | null;

  /**
   * An error in one entry.
   *
   * @param path Names from the outside in: the blocks of the `pci` tree, then, if a single key is
   *   wrong, that key as scripts spell it: `["rp0", "ssd", "mdts"]`.
   * @param message What is wrong, with the value, without a final period.
   * @param hint What to write instead, or null.
   */
  constructor(path: readonly string[], message: string, hint: string | null = null) {
    super(message);
    this.path = path;
    this.hint = hint;
  }
}
