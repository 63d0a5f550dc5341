/** The tables of kernel messages: in `docs/traces.md` by area, in `docs/kernel-messages.md` all of them. */
import { leftOutRows, messageAreaRows, messageRows } from "@dmalab/traces";
import { markdownTable, withPart, withParts } from "./marked_part.ts";

/**
 * The page with its table of areas.
 * @throws {RangeError} When the page has no place for the table.
 */
export function withMessageAreas(page: string): string {
  const heads = ["area", "forms", "kinds", "read more"];
  return withPart(page, "areas of messages", markdownTable(heads, messageAreaRows()));
}

/**
 * The page with its table of messages. @throws {RangeError} When the page has no place for the
 * table.
 */
export function withMessages(page: string): string {
  const heads = [
    "area",
    "message",
    "kind",
    "role",
    "printed when",
    "what it says",
    "causes",
    "rule",
  ];
  return withParts(page, {
    messages: markdownTable(heads, messageRows()),
    "left out": markdownTable(["form", "why"], leftOutRows()),
  });
}
