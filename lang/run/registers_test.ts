/** Registers that a scenario describes, and the variables of the machine (docs/language/declarations.md). */
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

Deno.test("a register of another BAR is named with the BAR's number", () => {
  const text = (code: string) =>
    `const bar = 8\nmachine { pci { root_port rp0 { endpoint nic {
  bars = "2 io 256B, 4 mem64 64KiB", let seen = []
  ${code}
} } } }`;
  assertEquals(
    printed(`${text("on read bar { return 1 }, on read bar 4 0x8 { return 2 }")}
print readl(nic.bar.at + 8B)`),
    ["1"],
  );
  const found = (code: string) =>
    loadText(text(code)).diagnostics.filter(({ severity }) => severity === "error")
      .map(({ code, message }) => `${code} ${message}`);
  assertEquals(found("on write bar 4 0xfffc { seen.push(value) }"), []);
  assertEquals(found("on write bar 3 0x10 { }"), ["E0511 nic has no BAR 3"]);
  assertEquals(found("on read bar 2 0x100 { return 1 }"), [
    "E0511 nic has no register at 0x100 in BAR 2",
  ]);
  assertEquals(found("on read bar 6 0x10 { return 1 }").length, 1);
  assertEquals(found("on read bar 2 4 { return 1 }\non read bar 2 0x4 { return 1 }").length, 1);
  assertEquals(found("on read bar 4 4 { return 1 }\non read 0x4 { return 1 }"), []);
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
