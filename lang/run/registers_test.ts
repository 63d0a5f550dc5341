/** Registers that a scenario describes, and the variables of the machine (language.md, Declarations). */
import { assertEquals } from "@std/assert";
import { memoryLoader, printed } from "../testing/test_support.ts";
import { runScript } from "../testing/run_script.ts";
import { loadText } from "../language.ts";
import { Session } from "../session.ts";

const MACHINE = `machine {
  iommu { mode = strict }
  pci {
    root_port rp0 {
      endpoint nic {
        bar = 4KiB
        vectors = 2
        let rung = 0
        let seen = []
        on write bell {
          rung += value
          seen.push(value)
          if value == 3 { nic.raise(1) }
        }
        on read 0x14 { return rung * 0x100 + 0xff }
      }
    }
  }
}
const bell = 0x10
fn ring(value) { writel(value, nic.bar.at + 16B) }
`;

Deno.test("a block runs at each write of its register, and what it returns is read", () => {
  assertEquals(
    printed(`${MACHINE}
ring(2)
let events = trace { ring(3) }
expect events [ irq(vector: 1) ] in events
print [rung, seen, readl(nic.bar.at + 20B), readl(nic.bar.at + 16B)]
writel(9, nic.bar.at + 24B)
print [rung, readl(nic.bar.at + 24B)]`),
    ["[5, [2, 3], 1535, 3]", "[5, 9]"],
  );
});

Deno.test("registers of 8 and 16 bits: the block hears as much as is written, and gives the lower bits", () => {
  assertEquals(
    printed(`${MACHINE}
writel(0x1234_5678, nic.bar.at)
writeb(0xff, nic.bar.at + 1B)
writew(0xabcd, nic.bar.at + 2B)
print readl(nic.bar.at) == 0xabcd_ff78
print [readb(nic.bar.at + 3B), readw(nic.bar.at)]
writeb(200, nic.bar.at + 16B)
writew(3000, nic.bar.at + 16B)
print seen
rung = 0x7_1234
print readb(nic.bar.at + 20B) == 0xff and readw(nic.bar.at + 20B) == 0x34ff`),
    ["true", "[171, 65400]", "[200, 3000]", "true"],
  );
});

Deno.test("each machine has variables of its own: tests, cases, blocks of fork, compare and inject", () => {
  const { problems } = runScript(`${MACHINE}
test "one" {
  ring(1)
  rung = rung + 40
  let both = fork { ring(1) } and { ring(2); assert rung == 43 }
  assert both.first.error == none and both.second.error == none
  assert rung == 41 and seen == [1]
  let all = compare { iommu.mode = [off, lazy] } { ring(7); assert rung == 7 }
  assert all.all(each => each.error == none) and rung == 41
}
test "two" { assert rung == 0 and seen == [] }
property "three" forall n in 0..5 { ring(n); assert rung == n and seen == [n] }
test "four" {
  race { ring(1) } and { ring(2) }
  assert rung == 3 and seen.length == 2
}
`);
  assertEquals(problems, []);
});

Deno.test("the machine of a file that is used brings its registers and variables", () => {
  const files = { "nic.dma": MACHINE };
  const { problems } = runScript(
    `use "nic.dma"\ntest "used" { ring(4); rung += 1; assert rung == 5 }`,
    files,
  );
  assertEquals(problems, []);
});

Deno.test("a session keeps a machine's variables until it gets another machine", () => {
  const session = new Session({ loader: memoryLoader({}) });
  const feed = (text: string) => {
    const { diagnostics, failure, values } = session.feed(text);
    assertEquals([diagnostics.length, failure], [0, null], text);
    return values.map(({ text }) => text);
  };
  feed(MACHINE);
  feed("ring(5)");
  assertEquals(feed("rung"), ["5"]);
  assertEquals(feed("fork { ring(1) } and { ring(2) }\nrung").at(-1), "5");
  feed("rung = 8");
  session.back(1);
  assertEquals(feed("rung"), ["5"]);
  feed(MACHINE.replaceAll("rung", "count"));
  assertEquals(feed("count"), ["0"]);
  assertEquals(session.feed("rung").diagnostics.length, 1);
});

Deno.test("a register beyond the window is reported of a machine that was right a moment ago", () => {
  const found = (place: string) =>
    loadText(MACHINE.replace("on read 0x14", `on read ${place}`)).diagnostics
      .filter(({ severity }) => severity === "error").map(({ message }) => message);
  for (let turn = 0; turn < 2; turn++) {
    assertEquals(found("0x14"), []);
    assertEquals(found("0x1000"), ["nic has no register at 0x1000"]);
  }
});
