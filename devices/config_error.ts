/**
 * A machine that cannot be built. What a wrong `machine` block leads to: the language turns it into
 * a diagnostic at the entry that `path` names.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  /**
   * @param path Names from the outside in: the blocks of the `pci` tree, then, when one key is to
   *   blame, that key as scripts spell it: `["rp0", "ssd", "mdts"]`.
   * @param message What is wrong, with the value, without a final period.
   * @param hint What to write instead, or null.
   */
  constructor(
    readonly path: readonly string[],
    message: string,
    readonly hint: string | null = null,
  ) {
    super(message);
  }
}
