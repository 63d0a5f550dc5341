import { assertEquals } from "@std/assert";
import { CpuReader } from "./cpu_lines.ts";

Deno.test("a line about the CPU is recognised, and the first CPU of the text counts", () => {
  const reader = new CpuReader();
  assertEquals(reader.found, null);
  assertEquals(reader.read("CPU family: 6"), true);
  assertEquals(reader.found, null, "a family without a vendor is no CPU");
  assertEquals(reader.read("vendor_id : GenuineIntel"), true);
  assertEquals(reader.read("Vendor ID: AuthenticAMD"), true);
  assertEquals(reader.read("cpu family : 25"), true);
  assertEquals(reader.found, { vendor: "intel", family: 6 });
  for (const line of ["Model name: EPYC", "CPU family", "GenuineIntel", "CPU family: many"]) {
    assertEquals(reader.read(line), false, line);
  }
});
