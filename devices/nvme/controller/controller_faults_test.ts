/**
 * A controller with injected failures: the actions that it omits, and the answers that it gives
 * instead of these actions.
 */
import { assertEquals } from "@std/assert";
import { ArmedInjection, INJECTION } from "@dmalab/runtime";
import { ControllerRig, type ControllerRigOptions } from "./_rig.ts";

const BUFFER = 0x10_0000;

function rigFailing(fault: ArmedInjection, options: ControllerRigOptions = {}): ControllerRig {
  const rig = new ControllerRig({ fails: true, ...options });
  rig.faults.arm(fault);
  return rig;
}

Deno.test("a reset forgets commands without an answer: Abort does not find them", () => {
  const rig = rigFailing(new ArmedInjection(INJECTION["device.answer"], 1, 1));
  const [cid] = rig.queueIo({ prp1: BUFFER });
  rig.run();
  rig.restart();
  assertEquals(rig.admin({ opcode: 0x08, dwords: { 10: cid! * 0x1_0000 + 1 } }).result, 1);
  assertEquals(rig.reap(1), []);
});

Deno.test("Abort of a command without an answer completes it with Command Abort Requested (NVMe 5.1)", () => {
  const rig = rigFailing(new ArmedInjection(INJECTION["device.answer"], 1, 2));
  const [first, cid] = rig.queueIo({ prp1: BUFFER }, { prp1: BUFFER });
  rig.run();
  const abort = (queue = 1) =>
    rig.admin({ opcode: 0x08, dwords: { 10: cid! * 0x1_0000 + queue } }).result;
  const reap = () => rig.reap(1).map((entry) => [entry.cid, entry.status]);
  assertEquals([abort(2), reap()], [1, []]);
  assertEquals([abort(), reap(), abort()], [0, [[cid, 0x07]], 1]);
  assertEquals(first === cid, false);
});

Deno.test("an interrupt that is lost leaves its completion", () => {
  const rig = new ControllerRig({ fails: true });
  rig.faults.arm(new ArmedInjection(INJECTION["device.interrupt"], 1, 1));
  rig.interrupts.length = 0;
  const read = () => {
    const cids = rig.queueIo({ prp1: BUFFER }, { prp1: BUFFER });
    const interrupts = rig.record(["irq"], () => rig.run()).map(({ fields }) => fields);
    assertEquals(rig.reap(1).map(({ cid }) => cid), cids);
    return interrupts;
  };
  const irq = { vector: 1, cpu: 0 };
  assertEquals<unknown>(read(), [irq]);
  assertEquals<unknown>(read(), [irq, irq]);
  assertEquals(rig.interrupts, [1, 1, 1]);
});

Deno.test("a controller that does not obey stays ready, and works on (NVMe 3.1.5)", () => {
  const rig = rigFailing(new ArmedInjection(INJECTION["device.stop"], 1, 1));
  rig.controller.write32(0x14, 0x0046_0000);
  assertEquals([rig.controller.read32(0x14), rig.controller.read32(0x1c)], [0x0046_0000, 1]);
  assertEquals(rig.io({ prp1: BUFFER }).status, 0);
  rig.controller.write32(0x14, 0x0046_0000);
  assertEquals([rig.controller.read32(0x1c), rig.controller.ringsOf(0)], [0, null]);
});

Deno.test("a namespace has eight bytes made of its device's name, the same ones each time: FNV-1a", () => {
  const nameOf = (name: string) => {
    const rig = new ControllerRig({ adminOnly: true, name });
    rig.admin({ opcode: 0x06, nsid: 1, prp1: BUFFER, dwords: { 10: 3 } });
    return [4, 8].map((at) => rig.memory.view.getUint32(BUFFER + at, true));
  };
  // Published values of the hash. The second four of the eight bytes are the hash of the doubled
  // name.
  assertEquals([nameOf("a")[0], nameOf("foobar")[0]], [0xe40c_292c, 0xbf9c_f968]);
  assertEquals(nameOf("foo")[1], nameOf("foofoo")[0]);
});
