/** Events of the block layer, and of NVMe: its driver on the host and its controller. */
import {
  BOOL,
  described,
  DMA,
  type EventTable,
  INT,
  optional,
  PHYS,
  SIZE,
  word,
} from "./fields.ts";
import { DIRECTION, PATH, STATUS } from "./shared_words.ts";

const DOORBELL = word("doorbell", {
  sq_tail: "New commands in a submission queue.",
  cq_head: "Entries of a completion queue were consumed.",
});

const BLOCK_EVENTS = {
  "block.split": {
    when: "a bio was split",
    fields: {
      at_sectors: INT,
      rule: word("why a bio was split", {
        max_sectors: "Longer than the queue's default limit.",
        chunk_sectors: "It would cross a chunk of the disk.",
        max_segments: "More segments than one request can have.",
        virt_boundary: "A gap between two segments that a PRP list cannot describe.",
        max_discard_sectors: "Longer than one discard can be.",
        max_write_zeroes_sectors: "Longer than one Write Zeroes can be.",
      }),
      limit: INT,
    },
  },
  "block.merge": {
    when: "a bio was merged into a request, or could not be",
    fields: {
      rule: word("result of a merge", {
        back: "It follows the request.",
        front: "It precedes the request.",
        discard: "Both are discards, which need not touch.",
        integrity: "Only one of them has metadata, or both together have too much.",
        integrity_gap: "A gap between their metadata.",
        gap: "A gap between their data that a PRP list cannot describe.",
        sectors: "Together they would be too long.",
        segments: "Together they would have too many segments.",
        ranges: "Together they would have too many ranges to discard.",
      }),
      joined: BOOL,
    },
  },
  "block.segment": {
    when: "the DMA iterator produced a segment",
    fields: { phys: PHYS, size_bytes: SIZE, dma: DMA, path: PATH },
  },
  "block.status": {
    when: "an iterator, a request or a bio ended with a status",
    fields: {
      status: STATUS,
      ended: word("what ended with a status", {
        iterator: "No segment of the request is left, or the next one cannot be mapped.",
        request: "Its completion callback runs.",
        bio: "It was rejected before a request was allocated.",
      }),
    },
  },
} satisfies EventTable;

export const NVME_EVENTS = {
  "nvme.choose": {
    when: "the data pointer format was chosen",
    fields: {
      format: word("data pointer format", {
        prp: "Physical region pages: a list of page addresses.",
        sgl: "A scatter gather list: addresses with lengths.",
        simple_prp: "One segment, described by PRP1 and PRP2 alone.",
        simple_sgl: "One segment, described by one SGL descriptor in the command.",
      }),
    },
  },
  "nvme.metadata": {
    when: "the metadata format of the command was chosen",
    fields: {
      format: word("metadata format", {
        pointer: "MPTR is the address of the metadata.",
        sgl: "MPTR is the address of an SGL.",
      }),
    },
  },
  "nvme.prp": {
    when: "a PRP entry was written",
    fields: {
      index: described(INT, "-1 and -2 are PRP1 and PRP2 of the command"),
      entry: DMA,
      list_page: described(optional(INT), "none in the command"),
    },
  },
  "nvme.sgl": {
    when: "an SGL descriptor was written",
    fields: {
      type: word("SGL descriptor type", {
        data_block: "Points to one segment of data.",
        segment: "Points to a list of descriptors that continues in another list.",
        last_segment: "Points to the last list of descriptors.",
      }),
      address: DMA,
      length_bytes: SIZE,
    },
  },
  "nvme.submit": {
    when: "a command was put into a submission queue",
    fields: { queue: INT, slot: INT, cid: INT, opcode: INT },
  },
  "nvme.doorbell": {
    when: "the host rang a doorbell",
    fields: { queue: INT, value: INT, which: DOORBELL },
  },
  "nvme.shadow_doorbell": {
    when: "the host wrote a shadow doorbell",
    fields: {
      queue: INT,
      value: INT,
      which: DOORBELL,
      rung: described(BOOL, "the register is written as well"),
    },
  },
  "nvme.fetch": {
    when: "the controller fetched a command",
    byDevice: true,
    fields: { queue: INT, cid: INT },
  },
  "nvme.walk": {
    when: "the controller read one PRP entry or SGL descriptor from host memory",
    byDevice: true,
    fields: { entry: INT, dma: DMA },
  },
  "nvme.data": {
    when: "the controller moved data",
    byDevice: true,
    fields: { dma: DMA, size_bytes: SIZE, dir: DIRECTION },
  },
  "nvme.host_memory": {
    when: "the controller looked a block up in the host memory buffer (HMB)",
    byDevice: true,
    fields: { dma: DMA, hit: described(BOOL, "it was there") },
  },
  "nvme.complete": {
    when: "the controller posted a completion",
    byDevice: true,
    fields: {
      queue: described(INT, "the submission queue that the command came from"),
      cid: INT,
      status: INT,
    },
  },
  "nvme.unmap": {
    when: "the driver unmapped a request's data (rules/nvme.md 2.6)",
    fields: {
      rule: word("unmap rule", {
        single: "One segment was unmapped.",
        bus: "Bus addresses were never mapped.",
        iova: "One IOVA range was destroyed.",
        nothing: "The device needs no unmap.",
        from_sgl: "Addresses were read back from the SGL.",
        saved: "Addresses had been saved at the mapping.",
        scatterlist: "The whole scatterlist was unmapped by one call (6.12).",
        from_prp: "Addresses were rebuilt from the PRP list (a defect).",
      }),
    },
  },
  "nvme.timeout": {
    when: "a command timed out, and what the driver did about it",
    fields: {
      queue: INT,
      cid: INT,
      action: word("what a driver does about a command that timed out", {
        polled: "Its completion was posted, only the interrupt was lost: it is polled.",
        abort: "An Abort command is sent for it.",
        reset: "The controller is reset.",
        timer_reset: "The abort limit is reached: its timer is restarted.",
      }),
    },
  },
  "nvme.cancel": {
    when: "the driver cancelled a command that its controller will not complete",
    fields: { queue: INT, cid: INT },
  },
  "nvme.state": {
    when: "a controller's state changed for its driver",
    fields: {
      state: word("state of a controller for its driver", {
        live: "It accepts commands.",
        resetting: "It is being reset; requests wait.",
        dead: "Its reset failed: requests fail at once.",
        removed: "It was removed: requests fail at once.",
      }),
      reason: word("why a controller's state changed", {
        up: "It was enabled.",
        asked: "The scenario requested it.",
        timeout: "A command timed out, and its Abort too.",
        failed: "It reports a fatal status (CSTS.CFS).",
        no_answer: "It did not become ready again.",
        pulled: "It was removed.",
      }),
    },
  },
} satisfies EventTable;

export const DISK_EVENTS = {
  ...BLOCK_EVENTS,
  ...NVME_EVENTS,
  "irq": {
    when: "a completion interrupt was raised",
    byDevice: true,
    fields: { vector: INT, cpu: INT },
  },
} satisfies EventTable;
