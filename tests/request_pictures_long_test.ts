/**
 * One picture of a request, everywhere: what a page draws out of a recording, what the terminal draws
 * of the live request, and what the file has are the same memory, entries and lists.
 */
import { assert, assertEquals } from "@std/assert";
import { picturedRequest } from "@dmalab/lang/builtins";
import type { Recording } from "@dmalab/recording";
import { requestPicture, svgPictures } from "@dmalab/lang/render";
import { requestView } from "@dmalab/recording/views";
import type { Vm } from "@dmalab/lang/vm";
import { scenariosBelow } from "./examples.ts";
import { recordingsOf } from "./recording/same_run.ts";

/** Looks at one run, and what a run has at most that is looked at. */
const MAX_REQUESTS = 4;
const MAX_EVENTS = 3000;
const MAX_RUNS = 6;

/** The request of a number, while its command is sent; null for those of drivers by hand. */
function sentRequest({ lab }: Vm, id: number) {
  for (const device of lab.devices.values()) {
    if (device.kind !== "nvme") continue;
    for (const queue of device.disk.driver.ioQueues) {
      const found = queue.sent().find(({ request }) => request?.id === id);
      if (found?.request !== null && found?.request?.template === null) return found.request;
    }
  }
  return null;
}

/** How many pictures of a run were compared. */
function compareRun(run: Recording): { readonly compared: number; readonly whole: number } {
  let compared = 0;
  let whole = 0;
  for (let seq = 1; seq <= run.log.count && compared < MAX_REQUESTS; seq++) {
    const id = run.log.nameAt(seq) === "nvme.fetch" ? run.log.requestAt(seq) : null;
    if (id === null) continue;
    const position = run.afterEvent(seq);
    const live = run.timeline.at(position, ({ vm }) => {
      const request = sentRequest(vm, id);
      return request === null ? null : picturedRequest(request, vm);
    });
    // Commands without data have pointers that lead nowhere.
    if (live === null || live.segments.length === 0) continue;
    const view = requestView(run, position, id)!;
    // After a reset the driver may still know the command that it sent before.
    if (view.phases.filter(({ phase }) => phase === "sent").length > 1) continue;
    const where = `${run.name.place} request ${id} after event ${seq}`;
    const bytes = (sizes: readonly { readonly sizeBytes: number }[]) =>
      sizes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    // With some defects of real releases less is mapped than the request has: the view has what was.
    const isWhole = bytes(view.segments) === bytes(live.segments);
    assert(isWhole || bytes(view.segments) < bytes(live.segments), where);
    if (isWhole) whole++;
    assertEquals(view.segments[0]!.phys, live.segments[0]!.phys, where);
    const drawn = view.entries.filter(({ leadsTo }) => leadsTo === "data");
    assertEquals(
      drawn.map(({ dma, label, page }) => [label === "SGL" ? "data" : label, dma, page ?? -1]),
      live.entries.map(({ dma, label, page }) => [label, dma, page]),
      where,
    );
    assertEquals(view.listPages.map(({ dma }) => dma), live.pages.map(({ dma }) => dma), where);
    if (live.range !== null && isWhole) {
      const { dma, sizeBytes } = live.range;
      assert(
        view.mappings.some((row) => row.dma === dma) &&
          (view.ranges.length === 0 ||
            view.ranges.some(({ size_bytes, start }) =>
              start <= dma && dma + sizeBytes <= start + size_bytes
            )),
        `${where}: ${dma} ${sizeBytes}`,
      );
    }
    const lines = requestPicture(live);
    const svg = svgPictures([{ title: where, lines }]).replaceAll(/<\/?tspan[^>]*>/g, "");
    for (const { dma } of view.entries.slice(0, 2)) {
      const text = lines.join(" ").match(/0x[\da-f_]+/g)!.find((each) =>
        Number(each.replaceAll("_", "")) === dma
      );
      assert(text !== undefined && svg.includes(text), where);
    }
    compared++;
  }
  return { compared, whole };
}

Deno.test("the view, the terminal and the file draw the same requests, in every example that has some", () => {
  let compared = 0;
  let whole = 0;
  const examples = new Set<string>();
  for (const path of scenariosBelow("examples")) {
    let runs = 0;
    for (const run of recordingsOf(path)) {
      if (run.log.count > MAX_EVENTS || run.find("nvme.submit") === null) continue;
      const here = compareRun(run);
      compared += here.compared;
      whole += here.whole;
      if (here.compared > 0) examples.add(path);
      if (++runs === MAX_RUNS) break;
    }
  }
  assert(whole > 0.95 * compared, `${whole} of ${compared}`);
  assert(compared > 100 && examples.size > 15, `${compared} in ${examples.size} examples`);
});
