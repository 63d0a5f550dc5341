/** Pictures as SVG contain the same text and the same lines as the terminal's pictures. */
import { assert, assertEquals } from "@std/assert";
import { runScript } from "../../testing/run_script.ts";
import { PictureCollector, svgPictures } from "./svg_picture.ts";

/** One picture of each kind. */
const SCRIPT = `machine {
  iommu { mode = lazy }
  swiotlb { size = 1MiB }
  pci { root_port rp0 { external = true
    nvme ssd { depth = 8 } } root_port rp1 { switch sw0 { nvme s2 { } endpoint gpu { } } } }
}
let io = ssd.submit(read, lba: 16, into: alloc_pages(20, contiguous: false))
show ssd.queue(1)
step until io.requests.all(r => r.mapped)
show io.requests[0]
show ssd.queue(1)
show iommu.space(ssd)
show topology()
show iommu
show swiotlb
wait io
`;

/**
 * The words of a line without drawing characters. Words are separated by drawing characters and by
 * gaps of two spaces.
 */
function words(line: string): string[] {
  return line.split(/[─-╿▀-▟■-◿]+| {2,}/u).map((text) => text.trim()).filter((text) => text !== "");
}

function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
}

/** The texts of an SVG file in order, without titles. */
function texts(svg: string): string[] {
  return [...svg.matchAll(/<text x[^>]*>(.*?)<\/text>/g)]
    .map(([, text]) => unescaped(text!.replaceAll(/<\/?tspan[^>]*>/g, "")));
}

/** Checks that elements close in reverse order of their opening, and that text contains no markup. */
function checkMarkup(svg: string): void {
  const open: string[] = [];
  for (
    const [, end, name, , empty] of svg.matchAll(/<(\/?)(\w+)((?:\s[\w:-]+="[^"<]*")*)(\/?)>/g)
  ) {
    if (end === "/") assertEquals(open.pop(), name);
    else if (empty !== "/") open.push(name!);
  }
  assertEquals(open, []);
  assertEquals(
    svg.replaceAll(/<\/?\w+(?:\s[\w:-]+="[^"<]*")*\/?>/g, "").match(/<|&(?!\w+;)/),
    null,
  );
}

function collected(script: string) {
  const collector = new PictureCollector();
  const { output, problems } = runScript(
    script,
    {},
    { onShown: (line, shown) => collector.line(line, shown) },
  );
  assertEquals(problems, []);
  return { output, pictures: collector.pictures };
}

Deno.test("svgPictures() has the texts of the terminal's pictures, line by line", () => {
  const { output, pictures } = collected(SCRIPT);
  assertEquals(pictures.length, 7);
  assertEquals(pictures.flatMap(({ lines }) => lines), output);
  for (const picture of pictures) {
    const svg = svgPictures([picture]);
    assertEquals(texts(svg), picture.lines.flatMap(words), picture.title);
    checkMarkup(svg);
    assert(svg.includes(`<title>${picture.title}</title>`));
  }
  const all = svgPictures(pictures);
  assertEquals(texts(all), pictures.flatMap(({ lines }) => lines).flatMap(words));
  checkMarkup(all);
});

Deno.test("svgPictures() joins lines: a corner leads where its character leads", () => {
  const svg = svgPictures([{ title: "box", lines: ["┌─┐", "└─►"] }]);
  const [, lines] = svg.match(/class="lines" d="([^"]*)"/)!;
  // The lines go from the centre of the corner to the right, along the row, and into the next
  // corner.
  assert(
    lines!.includes("M20 61H24") && lines!.includes("M24 61h8") && lines!.includes("M36 61H32"),
  );
  assert(lines!.includes("M20 61V70") && lines!.includes("M20 79V70"));
  assertEquals(svg.match(/class="heads" d="([^"]*)"/)![1]!.match(/M/g)!.length, 1);
});

Deno.test("a picture is one run of a `show`, also when another one follows at once", () => {
  const { pictures } = collected("for n in 1..3 { show n }\nprint 4\nshow [5, 6]\n");
  assertEquals(pictures.map(({ lines }) => lines), [
    ["1 = 0x1"],
    ["2 = 0x2"],
    ["   0  5", "   1  6"],
  ]);
  assertEquals(pictures[2]!.title.split(/ {3}/)[0], "show [5, 6]");
});
