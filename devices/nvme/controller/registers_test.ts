/**
 * Tests the register file with the numbers in the NVM Express Base Specification 1.4, section 3.1.
 */
import { assertEquals } from "@std/assert";
import { type AdminQueueSetup, Registers } from "./registers.ts";

const MEMORY = { location: 0x0123_4002, size: 0x0765_4319, controlLow: 0, controlHigh: 0 };

function bench({ withMemory = true, mayStop = true, doorbellStride = 0 } = {}) {
  const calls: string[] = [];
  const setups: AdminQueueSetup[] = [];
  const localMemory = {
    ...MEMORY,
    control(low: number, high: number) {
      this.controlLow = low;
      this.controlHigh = high;
      calls.push(`memory ${low} ${high}`);
    },
  };
  const registers = new Registers({
    localMemory: withMemory ? localMemory : null,
    maxQueueEntries: 1024,
    doorbellStride,
    version: 0x1_0400,
  }, {
    enable: (setup) => {
      setups.push(setup);
      calls.push("enable");
    },
    mayStop: () => mayStop,
    disable: () => calls.push("disable"),
    submissionDoorbell: (queue, tail) => calls.push(`SQ ${queue} tail ${tail}`),
    completionDoorbell: (queue, head) => calls.push(`CQ ${queue} head ${head}`),
  });
  return { registers, setups, calls: () => calls.splice(0) };
}

/** The value of every register, by its offset, except the ones that read 0. */
function readAll(registers: Registers): Record<string, number> {
  const all: Record<string, number> = {};
  for (let offset = 0; offset < 0x1010; offset++) {
    const value = registers.read32(offset);
    if (value !== 0) all[offset.toString(16)] = value;
  }
  return all;
}

/** CAP: 1024 entries, contiguous queues, 15 × 500 ms; stride 0 and the NVM command set. */
const CAP = { "0": 1023 + 2 ** 16 + 15 * 2 ** 24, "4": 0x20, "8": 0x1_0400 };
const CMB = { "38": MEMORY.location, "3c": MEMORY.size };
/** CC: enabled; submission entries of 2^6 bytes, completion entries of 2^4. */
const CC = 0x0046_0001;

/** Writes AQA, ASQ and ACQ. */
function setUp(registers: Registers, changes: Record<number, number> = {}): void {
  const values = {
    0x24: 31 * 2 ** 16 + 63,
    0x28: 0x1000_3000,
    0x2c: 0x12,
    0x30: 0xf000_5000,
    0x34: 0x34,
    ...changes,
  };
  for (const [offset, value] of Object.entries(values)) registers.write32(Number(offset), value);
}

Deno.test("after power-on the registers say what the controller can do, and nothing else (nvme.md 5.1)", () => {
  assertEquals(readAll(bench().registers), { ...CAP, "4": 0x20 + 2 ** 25, ...CMB });
  assertEquals(readAll(bench({ withMemory: false }).registers), CAP);
  const wide = bench({ withMemory: false, doorbellStride: 3 });
  assertEquals(readAll(wide.registers), { ...CAP, "4": 0x23 });
});

Deno.test("each register that a host writes keeps all 32 bits, and the others none", () => {
  const writable = [0x24, 0x28, 0x2c, 0x30, 0x34];
  for (let offset = 0; offset < 0x60; offset += 4) {
    if (offset === 0x14) continue;
    const { registers, calls } = bench();
    const before = readAll(registers);
    for (const value of [0xffff_ffff, 0xfedc_ba98]) {
      registers.write32(offset, value);
      const keeps = writable.includes(offset) || offset === 0x50 || offset === 0x54;
      const expected = keeps ? { ...before, [offset.toString(16)]: value } : before;
      assertEquals(readAll(registers), expected, `0x${offset.toString(16)}`);
    }
    const control = offset === 0x50
      ? [`memory ${0xffff_ffff} 0`, `memory ${0xfedc_ba98} 0`]
      : offset === 0x54
      ? [`memory 0 ${0xffff_ffff}`, `memory 0 ${0xfedc_ba98}`]
      : [];
    assertEquals(calls(), control);
    registers.reset();
    assertEquals([readAll(registers), calls().at(-1)], [before, "memory 0 0"]);
  }
  const without = bench({ withMemory: false });
  without.registers.write32(0x50, 3);
  assertEquals([readAll(without.registers), without.calls()], [CAP, []]);
});

Deno.test("queues of the admin pair lie where ASQ and ACQ say, and have AQA's depths (3.1.8 to 3.1.10)", () => {
  const { registers, setups } = bench();
  setUp(registers);
  registers.write32(0x14, CC);
  const { completionBase, completionDepth, submissionBase, submissionDepth } = setups[0]!;
  assertEquals([submissionDepth, submissionBase], [64, 0x12_1000_3000]);
  assertEquals([completionDepth, completionBase], [32, 0x34_f000_5000]);
});

Deno.test("what a controller cannot be enabled with leaves it failed, not ready (3.1.5, 3.1.6)", () => {
  const status = (cc: number, changes: Record<number, number> = {}) => {
    const { registers, calls } = bench();
    setUp(registers, changes);
    registers.write32(0x14, cc);
    assertEquals(calls(), registers.isReady ? ["enable"] : []);
    return registers.read32(0x1c);
  };
  const [READY, FATAL] = [1, 2];
  assertEquals(status(CC), READY);
  // Each bit of the fields for entry sizes, page size and command set: any change of it is fatal.
  for (const bit of [4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23]) {
    assertEquals(status((CC ^ 2 ** bit) >>> 0), FATAL, `bit ${bit}`);
  }
  // The fields for shutdown and arbitration do not prevent enabling.
  for (const bit of [11, 12, 13, 24, 31]) assertEquals(status(CC + 2 ** bit), READY, `bit ${bit}`);
  assertEquals(status(CC, { 0x24: 1 * 2 ** 16 + 1 }), READY);
  assertEquals(status(CC, { 0x24: 0 * 2 ** 16 + 1 }), FATAL);
  assertEquals(status(CC, { 0x24: 1 * 2 ** 16 + 0 }), FATAL);
  assertEquals(status(CC, { 0x24: 0xfff * 2 ** 16 + 0xfff }), READY);
  assertEquals(status(CC, { 0x24: 0x1000 * 2 ** 16 + 1 }), FATAL);
  for (const offset of [0x28, 0x30]) {
    for (const low of [0x800, 0x1001, 0x1ff8]) assertEquals(status(CC, { [offset]: low }), FATAL);
    assertEquals(status(CC, { [offset]: 0xffff_f000 }), READY);
  }
  for (const offset of [0x2c, 0x34]) {
    assertEquals(status(CC, { [offset]: 2 ** 21 - 1 }), READY);
    assertEquals(status(CC, { [offset]: 2 ** 21 }), FATAL);
  }
});

Deno.test("a shutdown is complete at once, and one that may not stop goes on (3.1.5, 3.1.6, nvme.md 5.1)", () => {
  for (const kind of [0x4000, 0x8000, 0xc000]) {
    const { registers } = bench();
    setUp(registers);
    registers.write32(0x14, CC);
    registers.write32(0x14, CC + kind);
    assertEquals(registers.read32(0x1c), 1 + 8);
  }
  const { registers, calls } = bench({ mayStop: false });
  setUp(registers);
  registers.write32(0x14, CC);
  registers.write32(0x14, 0);
  assertEquals([calls(), registers.isReady], [["enable"], true]);
});
