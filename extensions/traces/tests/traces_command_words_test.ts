/** Words of NVMe commands that the user-space library cannot print. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { kernelPayload } from "../line/failed_to_parse.ts";
import { readSetup } from "../line/nvme_event.ts";
import { PayloadFields } from "../line/payload.ts";

/**
 * Words of a command as libtraceevent prints them. Each has the opcode, block, length and text that
 * must be read from the words.
 */
const COMMANDS: readonly (readonly [
  words: string,
  opcode: number,
  lba: number | null,
  blocks: number | null,
  text: string,
])[] = [
  ["", 2, null, null, "nvme_cmd_read cdw10="],
  ["A", 2, null, null, "nvme_cmd_read cdw10=A"],
  ["0123", 1, null, null, "nvme_cmd_write cdw10=0123"],
  ["8,", 1, null, null, "nvme_cmd_write cdw10=8"],
  ["", 0, 0, 0, "nvme_cmd_flush cdw10="],
  [
    "ARRAY[0a, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00]",
    2,
    10,
    1,
    "nvme_cmd_read slba=10, len=0, ctrl=0x0, dsmgmt=0, reftag=0",
  ],
  [
    "ARRAY[f8, ff, 07, 00, 00, 00, 00, 00, 07, 00, 00, 80, 07, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00]",
    1,
    0x7fff8,
    8,
    "nvme_cmd_write slba=524280, len=7, ctrl=0x8000, dsmgmt=7, reftag=0",
  ],
  [
    "ARRAY[00, 00, 00, 00, 01, 00, 00, 00, ff, ff, 00, 04, 00, 01, 00, 00, 78, 56, 34, 12, 00, 00, 00, 00]",
    8,
    2 ** 32,
    65536,
    "nvme_cmd_write_zeroes slba=4294967296, len=65535, ctrl=0x400, dsmgmt=256, reftag=305419896",
  ],
  ["ARRAY[0a, 00, 00]", 2, null, null, "nvme_cmd_read cdw10=0a 00 00"],
];

Deno.test("command words that are printed as text say nothing of blocks; bytes say all (T.12)", () => {
  for (const [words, opcode, lba, blocks, text] of COMMANDS) {
    const payload = kernelPayload(
      "nvme_setup_cmd",
      `[FAILED TO PARSE] disk=nvme0n1 ctrl_id=0 qid=1 opcode=${opcode} flags=0 fctype=1 cid=4 nsid=1 metadata=0 cdw10=${words}`,
    )!;
    assertStringIncludes(payload, `cmd=(${text})`);
    const fields = new PayloadFields();
    fields.setText(payload);
    const setup = readSetup(fields)!;
    assertEquals([setup.lba, setup.blocks], [lba, blocks], words);
  }
});
