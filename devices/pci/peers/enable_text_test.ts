import { assertEquals } from "@std/assert";
import { ERRNO } from "@dmalab/runtime";
import { block, client, lender, PeerBench } from "../_lab.ts";
import { readPeerChoice } from "./enable_text.ts";

Deno.test("a PCI address, a word, or neither (p2p.md 9.5, enable attribute)", () => {
  const bench = new PeerBench([block("root_port", "rp", [lender("p"), client("c")])]);
  const { topology } = bench.lab;
  const read = (text: string) => {
    const choice = readPeerChoice(topology, text);
    return typeof choice === "number" ? choice : [choice.enabled, choice.provider?.name ?? null];
  };
  assertEquals(read("0000:01:00.0\n"), [true, "p"]);
  assertEquals(read("0000:01:00.1"), -ERRNO.ENODEV, "it publishes nothing");
  assertEquals(read("0000:7f:00.0"), -ERRNO.ENODEV, "it is not there, and no 0 either");
  assertEquals(read("10"), -ERRNO.ENODEV);
  for (const word of ["1", "y", "on"]) assertEquals(read(word), [true, null]);
  for (const word of ["0", "n", "off"]) assertEquals(read(word), [false, null]);
  assertEquals(read("maybe"), -ERRNO.EINVAL);
  topology.providers.publish(bench.func("p"), false);
  assertEquals(read("0000:01:00.0"), -ERRNO.ENODEV);
});
