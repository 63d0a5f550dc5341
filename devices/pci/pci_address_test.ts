import { assertEquals } from "@std/assert";
import { formatPlace, hexByte, parsePlace, PciAddress } from "./pci_address.ts";

Deno.test("each bus, device and function is read, written and counted as itself", () => {
  const keys = new Set<number>();
  for (const bus of [0, 1, 2, 9, 10, 0x3b, 0x7f, 0x80, 0xfe, 0xff]) {
    for (let device = 0; device < 32; device++) {
      for (let func = 0; func < 8; func++) {
        const place = { bus, device, func };
        const text = `${hexByte(bus)}:${hexByte(device)}.${func}`;
        assertEquals(text.length, 7);
        assertEquals(formatPlace(place), text);
        assertEquals(parsePlace(text), place);
        assertEquals(parsePlace(text.toUpperCase()), place);
        const address = new PciAddress(bus, device, func);
        assertEquals([`${address}`, address.domain], [`0000:${text}`, 0]);
        keys.add(address.key);
      }
    }
  }
  assertEquals(keys.size, 10 * 32 * 8);
});

Deno.test("what is no place is none", () => {
  for (const text of ["3b:20.0", "3b:00.8", "3b:0.0", "b:00.0", "3b:00", "3b:00.0 ", "g0:00.0"]) {
    assertEquals(parsePlace(text), null, text);
  }
});
