/** Which tests of scenarios and of pages a guest repeats. */
import { QEMU_7_2, qemuProgram } from "../machine/qemu_program.ts";
import { TempFolder } from "@dmalab/tools";
import { assertEquals } from "@std/assert";
import { loadScenarios, planTests } from "../plan/planned_tests.ts";

const MACHINE = "machine { pci { root_port rp0 { nvme ssd { queues = 1 } } } }";
const READ = "ssd.read(lba: 0, into: alloc_pages(1))";

async function planOf(name: string, text: string, matches: string[] = [], qemu = QEMU_7_2) {
  using folder = new TempFolder();
  const scenarios = await loadScenarios([folder.write(name, text)]);
  if (typeof scenarios === "string") return scenarios;
  const { planned, refused } = planTests(scenarios, {
    matches,
    release: "nearest",
    nearest: "7.3.4",
    qemu,
  });
  return {
    planned: planned.map(({ recorded: { submissions, test } }) => [test.name, submissions.length]),
    refused: refused.map(({ reasons, test }) => [test.name, ...reasons]),
  };
}

Deno.test("statements at the top of a file run as a test does, before its tests", async () => {
  const text = `${MACHINE}\n${READ}\ntest "more" {\n  ${READ}\n  ${READ}\n}\n`;
  assertEquals(await planOf("lab.dma", text), {
    planned: [["statements at the top", 1], ["more", 2]],
    refused: [],
  });
  assertEquals(await planOf("lab.dma", text, ["more"]), { planned: [["more", 2]], refused: [] });
});

Deno.test("each block of a page is a scenario of its own", async () => {
  const block = (code: string) => `\`\`\`dma\n${code}\n\`\`\`\n`;
  const text = `# Page\n${block(`${MACHINE}\n${READ}`)}\n${block("assert 1 == 1")}`;
  assertEquals(await planOf("page.md", text), {
    planned: [["statements at the top", 1]],
    refused: [["statements at the top", "it has no request of an NVMe disk"]],
  });
});

Deno.test("a page without a block that runs is an error", async () => {
  const problem = await planOf("page.md", "# Page\n");
  assertEquals(typeof problem === "string" && problem.includes("has no block to run"), true);
});

Deno.test("a request with a link beyond its range is not repeated: other mappings decide how that ends", async () => {
  const machine = "machine {\n  iommu { mode = strict }\n  pci { root_port rp0 {\n" +
    "    nvme ssd { sgl = true, metadata = 8B, metadata_sgl = true }\n  } }\n}\n";
  const command = (bytes: string) =>
    "ssd.passthrough(0x02, into: buffer(size: 4KiB), dwords: { cdw10: 0, cdw12: 7 }, " +
    `metadata: buffer(size: ${bytes}))`;
  const tests = ["64B", "8KiB"].map((bytes) => `test "${bytes}" { wait ${command(bytes)} }\n`);
  const text = machine + tests.join("");
  assertEquals(await planOf("lab.dma", text, [], qemuProgram("11.1.3", "")), {
    planned: [["64B", 1]],
    refused: [[
      "8KiB",
      "a link beyond its range: its result depends on the mappings beside it",
    ]],
  });
});
