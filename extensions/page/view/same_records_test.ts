/** One picture everywhere: terminal, SVG and page say the same of a moment, each from its own reading of the run. */
import { assert, assertEquals } from "@std/assert";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { type Recording, recordRun, runsOf } from "@dmalab/recording";
import { PictureCollector, svgPictures } from "@dmalab/lang/render";
import { memoryLoader, runScript } from "@dmalab/lang/testing";
import { requestView, rowTexts, tableAt } from "@dmalab/recording/views";
import { boxesOf } from "./request_boxes.ts";

/** Nothing in these pictures is left out for want of room. */
const SCRIPT = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1, depth = 8 } } }
}
let first = ssd.submit(read, lba: 16, into: alloc_pages(8, contiguous: false))
let second = ssd.submit(write, lba: 64, from: alloc_pages(2, contiguous: false))
step until first.requests.all(r => r.mapped) and second.requests.all(r => r.mapped)
show first.requests[0]
show ssd.queue(1)
show iommu.space(ssd)
show iommu.page_table(ssd)
wait first
wait second
`;
const ADDRESS = /0x[\da-f]+(?:_[\da-f]+)+/g;
const SIZED = /0x[\da-f_]+ +[\d.]+[KMGT]?i?B/g;

/** What a pattern finds in texts, in one order. */
function found(texts: readonly string[], pattern: RegExp): readonly string[] {
  return texts.flatMap((text) => text.match(pattern) ?? [])
    .map((text) => text.replace(/ +/, " ")).sort();
}

/** The words of a line, as a table parts them. */
function columns(line: string): readonly string[] {
  return line.trim().split(/ {2,}/);
}

/** The texts of each picture, of the terminal and of an SVG, and the run that drew them. */
function drawn() {
  const collector = new PictureCollector();
  const { problems } = runScript(SCRIPT, {}, {
    onShown: (line, shown) => collector.line(line, shown),
  });
  assertEquals(problems, []);
  const pictures = collector.pictures.map((picture) => ({
    terminal: picture.lines,
    svg: [...svgPictures([picture]).matchAll(/<text x[^>]*>(.*?)<\/text>/g)]
      .map(([, text]) => text!.replaceAll(/<\/?tspan[^>]*>/g, "")),
  }));
  const { program } = loadForDebugging(new SourceFile("script.dma", SCRIPT), memoryLoader());
  const run = recordRun(program!, runsOf(program!)[0]!);
  assertEquals(run.output.map(({ text }) => text), pictures.flatMap(({ terminal }) => terminal));
  return { pictures, run, position: run.output.at(-1)!.position };
}

/** What the page shows of a table. */
function shown(run: Recording, name: string, position: Recording["last"]) {
  const { columns, rows } = tableAt(run, name, position, { first: 0, count: 100 });
  return rows.map((row) => {
    const texts = rowTexts(row);
    return Object.fromEntries(columns.map((column, index) => [column, texts[index]!]));
  });
}

Deno.test("a request, a queue, an address space and a page table are the same in terminal, SVG and page", () => {
  const { position, pictures, run } = drawn();
  const [request, queue, space, pageTable] = pictures;

  const boxes = boxesOf(requestView(run, position, 1)!).flat().map(({ text }) => text);
  const above = request!.terminal.slice(0, request!.terminal.indexOf(""));
  const svgAbove = request!.svg.slice(
    0,
    request!.svg.findIndex((text) => text.startsWith("mapped;")),
  );
  assertEquals(found(boxes, ADDRESS).length, 8 + 1 + 2 + 7 + 1);
  assertEquals(found(boxes, ADDRESS), found(above, ADDRESS));
  assertEquals(found(svgAbove, ADDRESS), found(above, ADDRESS));
  assertEquals(found(boxes, SIZED), found(above, SIZED));

  const slots = shown(run, "queue_slots", position);
  const inFlight = queue!.terminal.slice(
    queue!.terminal.findIndex((line) => line.startsWith("───  ")) + 1,
  );
  assertEquals(slots.length, 2);
  assertEquals(
    inFlight.map(columns).map(([cid, id]) => [cid, id]),
    slots.map(({ cid, request }) => [cid, request]),
  );
  const tags = columns(queue!.terminal.find((line) => line.startsWith("  tag "))!).slice(1);
  for (const { cid, slot } of slots) assertEquals(tags[Number(slot)], cid);
  const [tail] = shown(run, "doorbells", position).filter(({ which }) => which === "sq_tail");
  assert(queue!.svg.some((text) => text === `tail ${tail!.value}`), tail!.value);

  const inUse = space!.terminal.filter((line) => columns(line)[2] === "mapped");
  assertEquals(
    found(inUse, SIZED),
    found(
      shown(run, "iova", position).map(({ size_bytes, start }) => `${start} ${size_bytes}`),
      SIZED,
    ),
  );
  const spaceTexts = found(space!.svg, ADDRESS);
  for (const { start } of shown(run, "iova", position)) assert(spaceTexts.includes(start!), start);

  const entries = shown(run, "page_table", position)
    .map(({ iova, phys, prot, size_bytes }) => [iova, phys, size_bytes, prot]);
  assert(entries.length > 10);
  assertEquals(pageTable!.terminal.slice(2).map((line) => columns(line).slice(0, 4)), entries);
  for (const [iova] of entries) assert(pageTable!.svg.includes(iova!), iova);
});
