import { assertEquals } from "@std/assert";
import {
  formatAddress,
  formatCount,
  formatDuration,
  formatHexBytes,
  formatLimit,
  formatMask,
  formatRatio,
  formatSize,
  formatSizeCut,
  formatTimeRounded,
  groupThousands,
} from "./numbers.ts";

Deno.test("formatAddress() groups hex digits by four from the right", () => {
  assertEquals(formatAddress(0), "0x0");
  assertEquals(formatAddress(0x1000), "0x1000");
  assertEquals(formatAddress(0x1_0000), "0x1_0000");
  assertEquals(formatAddress(0xffff_f000), "0xffff_f000");
  assertEquals(formatAddress(0x13_ffff_ffff_ffff), "0x13_ffff_ffff_ffff");
});

Deno.test("formatAddress() calls the mapping error by its name", () => {
  assertEquals(formatAddress(-1), "error");
});

Deno.test("formatSizeCut() never says more than there is", () => {
  assertEquals(formatSizeCut(4 * 2 ** 30 - 4096), "3.99GiB");
  assertEquals(formatSizeCut(1536), "1.5KiB");
  assertEquals(formatSizeCut(2 ** 30 - 4096), "0.99GiB");
  assertEquals(formatSizeCut(0), "0B");
});

Deno.test("formatSize() uses the largest unit that divides the size", () => {
  assertEquals(formatSize(0), "0B");
  assertEquals(formatSize(512), "512B");
  assertEquals(formatSize(8704), "8704B");
  assertEquals(formatSize(131072), "128KiB");
  assertEquals(formatSize(2 ** 40), "1TiB");
  assertEquals(formatSize(-4096), "-4KiB");
});

Deno.test("formatDuration() is exact and drops zeros", () => {
  assertEquals(formatDuration(0), "0ns");
  assertEquals(formatDuration(999), "999ns");
  assertEquals(formatDuration(1200), "1.2us");
  assertEquals(formatDuration(1_234_567), "1.234567ms");
  assertEquals(formatDuration(10_000_000), "10ms");
  assertEquals(formatDuration(1e9), "1s");
  assertEquals(formatDuration(0.5), "0.5ns");
});

Deno.test("formatTimeRounded() keeps one decimal", () => {
  assertEquals(formatTimeRounded(0), "0ns");
  assertEquals(formatTimeRounded(3449), "3.4us");
  assertEquals(formatTimeRounded(10_000_000), "10ms");
});

Deno.test("formatCount() agrees with its number", () => {
  assertEquals(formatCount(1, "event"), "1 event");
  assertEquals(formatCount(1200, "event"), "1_200 events");
  assertEquals(formatCount(2, "entry", "entries"), "2 entries");
});

Deno.test("groupThousands(), formatRatio() and formatHexBytes() write what the language reads", () => {
  assertEquals(groupThousands(1_000_000), "1_000_000");
  assertEquals(groupThousands(999), "999");
  assertEquals(formatRatio(1.5), "1.5");
  assertEquals(formatRatio(2), "2.0");
  assertEquals(formatHexBytes(new Uint8Array([0xde, 0x0a])), "de 0a");
});

Deno.test("formatLimit() shows the largest number of sectors by the size it falls short of", () => {
  assertEquals(formatLimit((2 ** 32 - 1) * 512), "2TiB - 512B");
  assertEquals(formatLimit(128 * 1024), "128KiB");
  assertEquals(formatLimit(2 ** 41), "2TiB");
  assertEquals(formatLimit(512), "512B");
});

Deno.test("formatMask() shows a mask by the size it belongs to", () => {
  assertEquals(formatMask(4095), "4KiB - 1");
  assertEquals(formatMask(2 ** 32 - 1), "4GiB - 1");
  assertEquals(formatMask(0), "0B");
  assertEquals(formatMask(3), "3B");
});
