/** The limit of depth for traversals of values. */
import { groupThousands } from "../text/numbers.ts";
import { VALUE_DEPTH } from "./limits.ts";
import { LimitError } from "./script_error.ts";

/**
 * The depth of the parts of a value that is at the given depth.
 *
 * @throws {LimitError} E0803 if the depth exceeds the limit.
 */
export function deeper(depth: number): number {
  if (depth < VALUE_DEPTH) return depth + 1;
  throw new LimitError(
    "E0803",
    `Values are nested more than ${groupThousands(VALUE_DEPTH)} deep`,
    "no option allows more: keep the parts in one flat list and refer to them by index",
  );
}
