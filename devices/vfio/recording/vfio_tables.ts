/** The tables of migratable devices: buffers, their mappings, and the keys to them. */
import type {
  AnyTableSpec,
  HistoryTable,
  HistoryTableSpec,
  TableEvent,
} from "@dmalab/runtime/recording";
import {
  DIRECTION,
  DMA,
  INT,
  optional,
  SHARING_EVENTS,
  SIZE,
  TEXT,
  word,
} from "@dmalab/runtime/vocabulary";
import { CONTAINER_TABLES } from "./container_tables.ts";

const BUFFER_FIELDS = {
  device: TEXT,
  buffer: INT,
  pages: INT,
  dir: optional(DIRECTION),
  state: word("whether a migration buffer is in use", {
    used: "It is in use.",
    spare: "It waits for its next user.",
  }),
};

const BUFFERS: HistoryTableSpec<typeof BUFFER_FIELDS, "migration_buffers"> = {
  name: "migration_buffers",
  doc: "A driver has pages for the state of a device that is migrated.",
  fields: BUFFER_FIELDS,
  key: ["device", "buffer"],
  changes: {
    "vfio.buffer": (rows, { seq, device, fields: { action, buffer, dir, pages } }) => {
      if (action === "freed") rows.end(seq, [device!, buffer]);
      else {
        const state = action === "put" ? "spare" : "used";
        rows.begin(seq, { device: device!, buffer, pages, dir, state });
      }
    },
  },
};

const PAGE_FIELDS = { device: TEXT, buffer: INT, size_bytes: SIZE };

const PAGES: HistoryTableSpec<typeof PAGE_FIELDS, "migration_pages"> = {
  name: "migration_pages",
  doc: "A migration buffer holds pages of host memory.",
  fields: PAGE_FIELDS,
  key: ["device", "buffer"],
  size: "size_bytes",
  changes: {
    "vfio.add_pages": (rows, event) => addPages(rows, event, event.fields.pages),
    "vfio.free_pages": (rows, event) => addPages(rows, event, -event.fields.pages),
  },
  leak: {
    kind: "memory",
    at: ({ size_bytes }) => [null, size_bytes],
    text: (bytes) => `${bytes} bytes of pages of migration buffers not freed`,
  },
};

function addPages(
  rows: HistoryTable<typeof PAGE_FIELDS>,
  { seq, device, pageBytes, fields: { buffer } }: TableEvent<"vfio.add_pages" | "vfio.free_pages">,
  pages: number,
): void {
  const owner = [device!, buffer] as const;
  const before = rows.held(owner);
  const size_bytes = (before?.size_bytes ?? 0) + pages * pageBytes;
  if (before !== null) rows.resize(seq, owner, size_bytes);
  else if (size_bytes > 0) rows.begin(seq, { device: device!, buffer, size_bytes });
}

const MAPPING_FIELDS = {
  device: TEXT,
  buffer: INT,
  pages: INT,
  dma: DMA,
  rule: SHARING_EVENTS["vfio.register"].fields.rule,
};

const MAPPINGS: HistoryTableSpec<typeof MAPPING_FIELDS, "migration_mappings"> = {
  name: "migration_mappings",
  doc: "The pages of a migration buffer are mapped for its device, the first of them there.",
  fields: MAPPING_FIELDS,
  key: ["device", "buffer"],
  changes: {
    "vfio.register": (rows, { seq, device, fields: { buffer, dma, pages, rule } }) => {
      rows.begin(seq, { device: device!, buffer, pages, dma, rule });
    },
    "vfio.unregister": (rows, { seq, device, fields: { buffer } }) => {
      rows.end(seq, [device!, buffer]);
    },
  },
};

const KEY_FIELDS = { device: TEXT, key: INT, buffer: INT, entries: INT, size_bytes: SIZE };

const KEYS: HistoryTableSpec<typeof KEY_FIELDS, "migration_keys"> = {
  name: "migration_keys",
  doc: "A device has made a key to a migration buffer for its driver. A reset invalidates it.",
  fields: KEY_FIELDS,
  key: ["device", "key"],
  changes: {
    "vfio.key": (rows, { seq, device, fields: { buffer, entries, key, size_bytes, state } }) => {
      if (state === "destroyed") rows.end(seq, [device!, key]);
      else rows.begin(seq, { device: device!, key, buffer, entries, size_bytes });
    },
  },
};

export const VFIO_TABLES = [
  BUFFERS,
  PAGES,
  MAPPINGS,
  KEYS,
  ...CONTAINER_TABLES,
] as const satisfies readonly AnyTableSpec[];
