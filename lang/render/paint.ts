/**
 * Colours for the roles of pieces of text. This module imports nothing, because it is loaded at
 * every start, which must be fast.
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

/** Adds colour to text, or returns it unchanged. */
export type Paint = (role: TextRole, text: string) => string;

/** @param colour Whether the output supports colours. */
export function painter(colour: boolean): Paint {
  return colour
    ? (role, text) => text === "" ? "" : `\x1b[${CODES[role]}m${text}\x1b[0m`
    : (_role, text) => text;
}
