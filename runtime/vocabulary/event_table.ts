/** What a table of events has to say of each. */
import type { FieldTable } from "./fields.ts";

/** An event. */
export interface EventEntry {
  /** When it happens, as a sentence fragment for tables and help. */
  readonly when: string;
  /** What it carries, by name. */
  readonly fields: FieldTable;
  /** A device does it, and no CPU. */
  readonly byDevice?: true;
}

/** Events by their names, such as `timer.expire`. */
export type EventTable = Readonly<Record<string, EventEntry>>;
