/** What a table of events has to say of each. */
import type { FieldTable } from "./fields.ts";

export interface EventEntry {
  /** When it happens, as a sentence fragment for tables and help. */
  readonly when: string;
  readonly fields: FieldTable;
  /** A device does it, and no CPU. */
  readonly byDevice?: true;
}

export type EventTable = Readonly<Record<string, EventEntry>>;
