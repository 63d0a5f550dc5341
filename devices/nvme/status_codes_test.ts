import { assert, assertEquals } from "@std/assert";
import { MALFORMED_COMMANDS } from "./malformed_commands.ts";
import { STATUS } from "./controller/specification.ts";
import { blockStatusOf } from "./driver/command/status.ts";
import { readStatus, STATUS_CODES } from "./status_codes.ts";

Deno.test("whatever the controller can answer has a name, and no two names mean the same", () => {
  for (const [name, status] of Object.entries(STATUS)) {
    const { code, type } = readStatus(status);
    assert(code !== null && type !== null, name);
  }
  const numbers = Object.values(STATUS_CODES).map(([code]) => code);
  assertEquals(new Set(numbers).size, numbers.length);
});

Deno.test("a status field is taken apart: type, code, do not retry (Base Specification 1.4, 4.6.1)", () => {
  assertEquals(readStatus(0x4013), {
    type: "generic",
    code: "prp_offset_invalid",
    doNotRetry: true,
  });
  assertEquals(readStatus(0x0004), {
    type: "generic",
    code: "data_transfer_error",
    doNotRetry: false,
  });
  assertEquals(readStatus(0x4282).type, "media");
  assertEquals(readStatus(0x410d).code, "feature_not_saveable");
  assertEquals(readStatus(0x0370), { type: "path", code: "host_pathing_error", doNotRetry: false });
  assertEquals(readStatus(0x07c0), { type: "vendor", code: null, doNotRetry: false });
  assertEquals(readStatus(0x0400).type, null);
});

Deno.test("every malformed command has a named status, and fails for the block layer too (nvme.md 4.2)", () => {
  for (const { status, text } of MALFORMED_COMMANDS) {
    assert(readStatus(status).code !== null, text);
    assert(blockStatusOf(status) !== 0, text);
  }
});
