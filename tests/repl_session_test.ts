/**
 * A session at a pseudo-terminal, like that of a user who works for a while: sixty inputs, two
 * runs.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { programLine } from "./dmalab_program.ts";
import { CTRL_C, CTRL_D, CTRL_G, CTRL_R, ENTER, hasPty, Pty, TAB, UP } from "./pty.ts";

const START = `${programLine("-R", "-W=.dmalab")} repl --limit steps=${
  10 ** 14
} --limit time-seconds=300\n`;
/** The last prompt, with nothing after it. */
const READY = /dma\[[^\]]*\]>$/;
const MACHINE =
  "machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { queues = 1 } } } }";
const paste = (text: string) => `\x1b[200~${text}\x1b[201~`;

/** A REPL at a terminal, and the number of inputs so far. */
class Session {
  inputs = 0;

  constructor(readonly pty: Pty) {}

  async start(): Promise<void> {
    await this.pty.press(START);
    await this.#ready();
  }

  /** The lines of the screen down to the prompt. */
  async #ready(): Promise<readonly string[]> {
    const screen = await this.pty.seeScreen(/dma\[[^\]]*\]>\n*$/);
    return screen.trimEnd().split("\n");
  }

  /**
   * Types one input, and waits for the next prompt.
   *
   * @param wanted Matches text that must be on the screen, below the input, when the prompt
   *   appears.
   */
  async give(keys: string, wanted: RegExp): Promise<void> {
    await this.pty.press("\x0c");
    await this.pty.seeScreen(/^dma\[[^\]]*\]>\n*$/);
    await this.pty.press(`${keys}${ENTER}`);
    this.inputs++;
    await this.pty.seeScreen(wanted);
    const lines = await this.#ready();
    assertMatch(lines.join("\n"), wanted);
    assertMatch(lines.at(-1)!, READY);
  }

  /** Presses Ctrl-C until it ends the running input. */
  async interrupt(wanted: RegExp): Promise<void> {
    for (let presses = 0; presses < MAX_PRESSES; presses++) {
      await new Promise((resolve) => setTimeout(resolve, PRESS_MS));
      if (wanted.test(this.pty.lines.join("\n"))) return;
      await this.pty.press(CTRL_C);
    }
    await this.pty.seeScreen(wanted);
  }
}

/**
 * Time between two presses of Ctrl-C. Keys are read only after a run has taken some time, which may
 * be long on a busy host.
 */
const PRESS_MS = 500;
const MAX_PRESSES = 120;

/** The inputs of a morning's work, each with its result. */
const INPUTS: readonly (readonly [keys: string, wanted: RegExp])[] = [
  ["1 + 2", /^3$/m],
  ["_ * 14", /^42$/m],
  ["_", /^42$/m],
  ["4KiB * 32", /^128KiB$/m],
  ["let early = 1", /early = 1\n/],
  [MACHINE, /built a new machine: [^]*discarded with the old machine: early/],
  ["let page = alloc_pages(1)", /alloc_pages/],
  ["page.size", /^4KiB$/m],
  ["let m = dma_map_phys(ssd, page.phys, 4KiB, to_device)", /^dma\[6\]>/m],
  ["m.addr", /^0xffff_d000$/m],
  [":trace", /^No events$/m],
  [":trace 2", /5 .*dma\.map[^]*6 /],
  [":trace iommu.map", /3 .*iommu\.map/],
  [":trace iommu.map of ssd", /3 .*iommu\.map/],
  [":trace iommu.map in req 7", /^No events$/m],
  [":trace nothing.like", /"nothing\.like" is neither an event/],
  [":who", /ssd +0xffff_d000/],
  [":who m.addr", /dma_map_phys/],
  [":who pte 0xffff_d000", /event 3 {2}iommu\.map/],
  [":state mappings", /ssd +0xffff_d000 +0x/],
  [":watch iommu.live_mappings", /^1 {2}iommu\.live_mappings: 1$/m],
  [":mark mapped", /^mapped {2}event 6$/m],
  ["dma_unmap_phys(ssd, m, 4KiB, to_device)", /^dma\[12\]>/m],
  [":back", /^event 11\/12/m],
  [":back 5", /~ iommu\.live_mappings: 0 → 1/],
  [":goto mapped", /^event 6\/12/m],
  [":marks", /^mapped {2}event 6/m],
  [":find iommu.unmap", /^event \d+\/12.*\n +iommu\.unmap/m],
  [":rfind iommu.map", /^event 3\/12.*\n +iommu\.map/m],
  [":next", /^event \d+\/12/m],
  ["iommu.live_mappings", /^1$/m],
  ["let other = 5", /new branch b1 from main at event/],
  [":branches", /^\* b1 /m],
  [":switch main", /^event 12\/12 {2}end/m],
  [":diff b1 main", /rows? differ|differs/],
  [":break iommu.map", /^breakpoint 1: iommu\.map$/m],
  [":rcontinue", /stopped by breakpoint 1/],
  [":delete 1", /:delete 1\n/],
  [":goto end", /^event 12\/12 {2}end/m],
  [":until 1", /does not change/],
  [":unwatch 1", /:unwatch 1\n/],
  [":watch", /^No watches$/m],
  [":seed", /^seed 0x/m],
  [":why", /\S/],
  ["?dma_unmap_phys", /^dma_unmap_phys\(/m],
  ["?iommu.mode", /machine key iommu\.mode/],
  ["help", /^ask +:state .*:seed$/m],
  ["nothing_like_it()", /error\[E\d+\]/],
  ["1 / 0", /error\[E\d+\]/],
  ["page.size == 4KiB", /^true$/m],
];

async function inFolder(talk: (pty: Pty) => Promise<void>): Promise<void> {
  using folder = new TempFolder();
  await using pty = new Pty(folder.path);
  await pty.see(/\$ /);
  await pty.press("bind 'set enable-bracketed-paste off'; stty cols 80 rows 24\n", /\$ $/);
  await talk(pty);
}

Deno.test({
  name:
    "a session of sixty inputs, with what its keys do, and the next one that remembers it (long)",
  ignore: !hasPty(),
  fn: () =>
    inFolder(async (pty) => {
      const session = new Session(pty);
      await session.start();
      for (const [keys, wanted] of INPUTS) await session.give(keys, wanted);

      // Completion of a name, a member, an argument and a visible address, with their descriptions.
      await session.give(`pag${TAB}.si${TAB}`, /^dma\[\d+\]> page\.size\n4KiB$/m);
      await pty.screenAfter(`dma_map_${TAB}`, /dma_map_\n[^]*dma_map_phys {2,}\S/);
      await pty.screenAfter(CTRL_C, /\^C\ndma\[\d+\]>/);
      await session.give(`ssd.read(lb${TAB}: 0, into: page)`, /ssd\.read\(lba: 0, into: page\)/);
      await session.give(`:stat${TAB} map${TAB}`, /:state mappings\n/);

      // An input of several lines. The parser decides when the input is complete, and the history
      // has the input as one entry.
      const lines = `let sizes = [${ENTER}4KiB,${ENTER}8KiB ]`;
      await session.give(lines, /> let sizes = \[\n +\.\.\.> +4KiB,\n +\.\.\.> +8KiB \]\ndma/);
      await session.give("sizes.sum()", /^12KiB$/m);
      await session.give(`${UP}${UP}\x7f]`, /> let sizes = \[\n +\.\.\.> +4KiB,\n[^]*8KiB \]\ndma/);

      // Pasted text is one input, without the prompts and answers in it.
      const pasted = "dma[3]> let a = [\n   ...> 7 ]\ndma[4]> a[0]\n7\ndma[5]> :seed";
      await session.give(paste(pasted), /^7\nseed 0x/m);
      await session.give(paste("let b = 1\nb + 1\n"), /^2$/m);

      // Ctrl-C ends a run that would take more than ten seconds, and also a search backwards. It
      // does not end the session.
      await pty.press(`while true {}${ENTER}`);
      session.inputs++;
      await session.interrupt(/error\[E0807\]: interrupted/);
      await session.give("let n = 0", /let n/);
      await session.give("while n < 2000000 { n += 1 }", /n \+= 1/);
      await pty.press(`:rewind n == 17${ENTER}`);
      session.inputs++;
      await session.interrupt(/Interrupted; the position is unchanged/);
      await session.give("n", /^2000000$/m);

      // A search in the history.
      await pty.screenAfter(`${CTRL_R}live_map`, /search back "live_map": iommu\.live_mappings/);
      await pty.screenAfter(CTRL_R, /search back "live_map": :watch iommu\.live_mappings/);
      await pty.press(CTRL_G);
      await session.give("7 * 6", /^42$/m);
      assert(session.inputs >= 60, `${session.inputs} inputs`);

      await pty.screenAfter(CTRL_D, /\n\$\n*$/);
      await pty.press("clear; echo left with $?\n");
      assertStringIncludes(await pty.seeScreen(/^left with 0$/m), "left with 0");
      assertEquals(pty.changedModes, []);

      const next = new Session(pty);
      await next.start();
      await next.give(UP, /^dma\[0\]> 7 \* 6\n42\n/m);
      await next.give(`${CTRL_R}sizes = `, /let sizes = \[\n +\.\.\.> +4KiB,\n/);
      await next.give("sizes.sum()", /^12KiB$/m);
      await pty.screenAfter(CTRL_D, /\n\$\n*$/);
    }),
});
