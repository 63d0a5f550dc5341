/** `dmalab explain LOG --html`: the page for a colleague. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dmalab } from "@dmalab/tests";

const FAULT =
  "[  101.000010] DMAR: [DMA Write NO_PASID] Request device [03:00.0] fault addr 0xffa00000 [fault reason 0x05] PTE Write access is not set";
const LOG = `${FAULT}
[  102.000000] e1000e <b>0000:00:19.0: swiotlb buffer is full (sz: 65536 bytes), total 32768 (slots), used 31552 (slots)
[  102.100000] e1000e 0000:00:19.0: swiotlb buffer is full (sz: 65536 bytes), total 32768 (slots), used 31552 (slots)
`;

Deno.test("--html writes the result, the steps, and each message with its line; it prints the same", async () => {
  using folder = new TempFolder();
  const [log, page] = [folder.write("dmesg.log", LOG), folder.at("log.html")];
  const plain = await dmalab("explain", log);
  const { code, output } = await dmalab("explain", log, "--html", page);
  assertEquals([code, output], [plain.code, `${plain.output}\nWrote ${page}.\n`]);
  assertEquals(code, 1);
  const html = Deno.readTextFileSync(page);
  assertMatch(html, /<h1 class="failed">✕ dmesg\.log: .*proved or likely: swiotlb_full/);
  assertStringIncludes(html, `<pre class="quote" tabindex="0">${FAULT}</pre>`);
  assertStringIncludes(html, "<li>");
  assert(!html.includes("<b>") && !html.includes("<script"), html);
  // Each step of the result is in the list.
  const steps = plain.output.split("Next:\n")[1]!.match(/^ {2}- /gm)!.length;
  assertEquals(html.match(/<li>/g)!.length, steps);
});

Deno.test("--html of a log without an error has no verdict, and of what is no log writes nothing", async () => {
  using folder = new TempFolder();
  const page = folder.at("log.html");
  const log = folder.write("dmesg.log", "[    0.4] iommu: Default domain type: Translated\n");
  assertEquals((await dmalab("explain", log, "--html", page)).code, 0);
  assertMatch(Deno.readTextFileSync(page), /<h1>dmesg\.log: 1 message of the log was read/);
  Deno.removeSync(page);
  const prose = folder.write("prose.txt", "There is nothing of a kernel in this.\n");
  assertEquals((await dmalab("explain", prose, "--html", page)).code, 2);
  assertEquals((await dmalab("explain", "dma.3.3", "--html", page)).code, 2);
  assertEquals((await dmalab("explain", log, "--html", page, "--trace", log)).code, 2);
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "dmesg.log",
    "prose.txt",
  ]);
});

Deno.test("--html does not overwrite a file that is no page", async () => {
  using folder = new TempFolder();
  const log = folder.write("dmesg.log", LOG);
  const other = folder.write("notes.html", "my notes\n");
  const { code, errors } = await dmalab("explain", log, "--html", other);
  assertEquals(code, 2, errors);
  assertEquals(Deno.readTextFileSync(other), "my notes\n");
});
