/** Every link, pipe, socket and hard link in every place that the command line writes or reads. */
import { assert } from "@std/assert";
import { CASES, isWitness, refuseAll } from "./places.ts";

Deno.test({
  name: "links, pipes, sockets and hard links are refused by name in every place, and lead nowhere",
  ignore: Deno.build.os === "windows",
  async fn(context) {
    assert(CASES.length >= 100, `${CASES.length} cases`);
    await refuseAll(context, CASES.filter((each) => !isWitness(each)));
  },
});
