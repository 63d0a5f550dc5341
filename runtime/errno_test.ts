import { assertEquals } from "@std/assert";
import { BLK_STS, blkStatusName, ERRNO, errnoName } from "./errno.ts";

Deno.test("block statuses have the numbers of the page (c-api.md)", () => {
  const page = Deno.readTextFileSync(new URL("../docs/rules/c-api.md", import.meta.url));
  const line = page.split("\n").find((each) => each.startsWith("blk_status_t (u8): "))!;
  const listed = [...line.matchAll(/\b([A-Z][A-Z_]+) (\d+)(?=[ ,(])/g)]
    .map(([, name, number]) => [name!, Number(number)] as const);
  const known: Record<string, number> = { ...BLK_STS };
  const named = listed.filter(([name]) => name in known);
  assertEquals(named, named.map(([name]) => [name, known[name]!]));
  // All except the status that no release has.
  assertEquals(named.length, Object.keys(BLK_STS).length - 1);
  for (const [name, number] of named) assertEquals(blkStatusName(number), name as never);
});

/** include/uapi/asm-generic/errno-base.h and errno.h, as errno(3) lists them. */
const NUMBERS = "1 EPERM, 2 ENOENT, 5 EIO, 6 ENXIO, 11 EAGAIN, 12 ENOMEM, 13 EACCES, 14 EFAULT, " +
  "16 EBUSY, 17 EEXIST, 19 ENODEV, 22 EINVAL, 28 ENOSPC, 34 ERANGE, 61 ENODATA, 67 ENOLINK, " +
  "75 EOVERFLOW, 84 EILSEQ, 95 EOPNOTSUPP, 98 EADDRINUSE, 107 ENOTCONN, 110 ETIMEDOUT, " +
  "121 EREMOTEIO";

Deno.test("errnos have the numbers that every architecture but a few has", () => {
  const named = Object.entries(ERRNO).map(([name, number]) => `${number} ${name}`).join(", ");
  assertEquals(named, NUMBERS);
  for (const [name, number] of Object.entries(ERRNO)) {
    assertEquals([errnoName(number), errnoName(-number)], [name, name] as never);
  }
});
