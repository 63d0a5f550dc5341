/** The tables of devices that can be migrated: buffers, what maps them, and keys to them. */
import type { AnyTableSpec, FactTableSpec } from "../../../runtime/recording/fact_table.ts";
import { DMA, INT, optional, SIZE, TEXT, word } from "../../../runtime/vocabulary/fields.ts";
import { DIRECTION } from "../../../runtime/vocabulary/shared_words.ts";
import { SHARING_EVENTS } from "../../../runtime/vocabulary/sharing_events.ts";

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

const BUFFERS: FactTableSpec<typeof BUFFER_FIELDS> = {
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

const MAPPING_FIELDS = {
  device: TEXT,
  buffer: INT,
  pages: INT,
  dma: DMA,
  rule: SHARING_EVENTS["vfio.register"].fields.rule,
};

const MAPPINGS: FactTableSpec<typeof MAPPING_FIELDS> = {
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

const KEYS: FactTableSpec<typeof KEY_FIELDS> = {
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

export const VFIO_TABLES: readonly AnyTableSpec[] = [BUFFERS, MAPPINGS, KEYS];
