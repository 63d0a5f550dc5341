/** `--jobs`: the report does not depend on the number of workers. */
import { assertEquals } from "@std/assert";
import { dmalab } from "./dmalab_program.ts";

Deno.test("hunt and bench with --jobs print what they print without, byte for byte", async () => {
  const defect = "none, gap_bit_lost_on_split, stale_iova_state_p2p";
  for (
    const words of [
      ["hunt", "--quirks", defect, "--cases", "150"],
      ["hunt", "examples/museum/11-gap-bit.dma", "--cases", "100"],
      ["hunt", "examples/drivers/01-hunted-driver.dma", "--cases", "2000"],
      ["bench", "tools/bench/scenarios/nvme_read.dma", "--match", "strict"],
    ]
  ) {
    const one = await dmalab(...words);
    const two = await dmalab(...words, "--jobs", "2");
    // The iterations per second differ between runs, and with them the width of the table.
    const lines = ({ output }: typeof one) =>
      words[0] === "bench"
        ? output.replace(/^iterations.*$/m, "").replace(/ +/g, " ").replace(/─+/g, "─")
        : output;
    assertEquals([two.code, lines(two), two.errors], [one.code, lines(one), one.errors]);
  }
});
