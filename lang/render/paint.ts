/**
 * Colours, by the role of a piece of text. Nothing is loaded for them, because they are on the fast
 * path.
 */

const CODES = {
  good: "32",
  bad: "31",
  warning: "33",
  dim: "90",
  strong: "1",
  call: "0",
  memory: "34",
  iommu: "36",
  device: "35",
};

/** The role of a piece of text. */
export type TextRole = keyof typeof CODES;

/** Gives text its colour, or leaves it as it is. */
export type Paint = (role: TextRole, text: string) => string;

/** @param colour Whether the place that shows it has colours. */
export function painter(colour: boolean): Paint {
  return colour
    ? (role, text) => text === "" ? "" : `\x1b[${CODES[role]}m${text}\x1b[0m`
    : (_role, text) => text;
}
