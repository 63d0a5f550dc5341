/** The tables of `docs/events.md`, written from the runtime's vocabulary into the page's own prose. */
import { CALL_TABLE, COMMON_FIELDS, EVENT_TABLE, KERNEL_CALLS } from "@dmalab/runtime";
import { type EventEntry, type Field, type FieldTable, wordsOf } from "@dmalab/runtime/vocabulary";
import { markdownTable, withParts } from "./marked_part.ts";

/**
 * If more words than this are possible in a field, the field gets a link to the list of the words.
 */
const DISPLAYED_WORDS = 12;

/**
 * The page with its tables from the vocabulary.
 * @throws {RangeError} When the page has no place for a table.
 */
export function withEventTables(page: string): string {
  return withParts(page, {
    "common fields": markdownTable(
      ["field", "what it holds"],
      Object.entries<Field>(COMMON_FIELDS).map(([name, { doc }]) => [`\`${name}\``, doc ?? ""]),
    ),
    events: markdownTable(
      ["event", "fields", "when"],
      Object.entries<EventEntry>(EVENT_TABLE).map(([name, { fields, when }]) => [
        `\`${name}\``,
        fieldsText(fields),
        when,
      ]),
    ),
    calls: markdownTable(
      ["function", "arguments", "result"],
      KERNEL_CALLS.map((name) => {
        const { arguments: args, result }: { arguments: FieldTable; result: Field } =
          CALL_TABLE[name];
        const names = Object.keys(args).map((argument) => `\`${argument}\``).join(", ");
        return [`\`${name}\``, names, result.kind === "nothing" ? "" : noted(result)];
      }),
    ),
  });
}

/**
 * The text for an event's fields, such as `` `start` (a device address), `size_bytes`, `source`
 * (`rcache`, `tree`) ``.
 */
function fieldsText(fields: FieldTable): string {
  return Object.entries(fields).map(([name, field]) => {
    const notes = noted(field);
    return notes === "" || field.kind === "size" && field.doc === null
      ? `\`${name}\``
      : `\`${name}\` (${notes})`;
  }).join(", ");
}

/** The notes on a field, without facts that its name implies. */
function noted(field: Field): string {
  const words = wordsOf(field);
  const held = words.length > DISPLAYED_WORDS
    ? field.sets.map(({ title }) =>
      `[${title}](builtins/constants.md#${title.replaceAll(" ", "-")})`
    )
      .join(" or ")
    : words.map((word) => `\`${word}\``).join(", ");
  const none = field.isOptional && !/\bnone\b/.test(field.doc ?? "") ? "or none" : "";
  const kind = words.length > 0 || SAID_BY_NAME.has(field.kind) ? "" : field.kind;
  return [kind, held, field.doc ?? "", none].filter((part) => part !== "").join("; ");
}

/** Kinds that follow from the name: sizes end in `_bytes`, and other numbers are counts. */
const SAID_BY_NAME: ReadonlySet<string> = new Set(["size", "int", "text"]);
