/**
 * Reads `--branch`. If the option is wrong, returns the problem as a sentence without its full
 * stop.
 *
 * @param text Null if the option is not given.
 */
export async function readBranchOption(
  text: string | null,
): Promise<{ readonly branch: string | null } | string> {
  if (text === null) return { branch: null };
  const { branchOf } = await import("@dmalab/lang/run");
  try {
    branchOf(text);
    return { branch: text };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return `--branch: ${error.message}`;
  }
}
