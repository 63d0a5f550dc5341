/** Panes of the debugger's screen, without a terminal. */
import { assertEquals } from "@std/assert";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { BreakpointSet, recordRun, runsOf } from "@dmalab/recording";
import { NO_FILES } from "../../repl/_talk.ts";
import { addressPane } from "./panes.ts";
import { ScreenModel } from "./screen_model.ts";

const PAGES = `machine { iommu { mode = strict } pci { root_port rp0 { endpoint nic { } } } }
let all = alloc_pages(64, contiguous: true)
let _first = dma_map_phys(nic, all.pages[0], 12KiB, to_device)
let second = dma_map_phys(nic, all.pages[3], 20KiB, to_device)
let _third = dma_map_phys(nic, all.pages[8], 4KiB, to_device)
dma_unmap_phys(nic, second, 20KiB, to_device)
`;

Deno.test("a letter of several pages, of which some are gone, says that others are in use", () => {
  const { program } = loadForDebugging(new SourceFile("lab.dma", PAGES), NO_FILES);
  const recording = recordRun(program!, runsOf(program!)[0]!);
  const { last } = recording;
  const unmap = recording.log.count;
  let before = 0;
  for (let seq = 1; seq <= unmap; seq++) if (recording.event(seq).name === "dma.map") before = seq;
  const cursor = { position: last, recording, breakpoints: new BreakpointSet() };
  const model = new ScreenModel(cursor as never, recording.afterEvent(before));
  const strip = (columns: number) => {
    const { lines, title } = addressPane(model, 0, { rows: 4, columns });
    return [title, String(lines[0]!.line[0])];
  };
  assertEquals(strip(80), [
    "addresses  + new  - gone  # mapped  : reserved",
    "nic 0xfffe_f000 #-----.......### 0xffff_efff  4KiB each",
  ]);
  assertEquals(strip(40), [
    "addresses  + new  - gone  # mapped  : reserved  ~ partly gone",
    "nic 0xfffe_f000 ~-.# 0xffff_efff  16KiB each",
  ]);
});
