import { assert, assertEquals } from "@std/assert";
import { type HuntSettings, type HuntWords, readHuntOptions } from "./hunt_options.ts";
import { KERNEL_NAMES, KERNELS } from "@dmalab/runtime/kernels";

const NOTHING: HuntWords = {
  kernel: null,
  quirks: null,
  cases: null,
  seconds: null,
  seed: null,
};

function settings(words: Partial<HuntWords>): HuntSettings {
  const read = readHuntOptions({ ...NOTHING, ...words });
  assert(typeof read !== "string", String(read));
  return read;
}

Deno.test("a hunt without options tries 20000 cases on 7.2 with its defects", () => {
  assertEquals(settings({}), {
    release: { kernel: "7.2.12", quirks: KERNELS["7.2.12"].quirks },
    mode: undefined,
    cases: 20_000,
    seconds: Infinity,
    seed: 1,
  });
});

Deno.test("with a time alone only the time counts, with both the first that is used up", () => {
  assertEquals([settings({ seconds: 5 }).cases, settings({ seconds: 5 }).seconds], [Infinity, 5]);
  assertEquals(settings({ seconds: 5, cases: 7 }).cases, 7);
});

Deno.test("quirks are listed as in a machine block, with or without brackets", () => {
  const own = KERNELS["7.2.6"].quirks;
  const quirks = (list: string) => settings({ kernel: "7.2.6", quirks: list }).release.quirks;
  assertEquals([...quirks("none")], []);
  assertEquals([...quirks("[none, mptr_first_vector_only]")], ["mptr_first_vector_only"]);
  assertEquals(quirks("not gap_bit_lost_on_split").size, own.size - 1);
  assertEquals(quirks("sgl_unmap_args_swapped").size, own.size + 1);
});

Deno.test("what does not exist is refused, with what was perhaps meant", () => {
  assertEquals(
    readHuntOptions({ ...NOTHING, kernel: "7.4" }),
    `There is no release "7.4"; there are ${KERNEL_NAMES.join(", ")}`,
  );
  assertEquals(
    readHuntOptions({ ...NOTHING, quirks: "not gap_bit_lost_on_splt" }),
    'There is no defect "gap_bit_lost_on_splt"; did you mean "gap_bit_lost_on_split"?',
  );
});
