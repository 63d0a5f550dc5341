/**
 * Sends a signal at any place in examples/traces/data/collect-trace.sh. The tracer must be left as
 * it was, the data collected so far must be kept, and the data must contain no names.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import {
  changedSettings,
  collected,
  collector,
  machine,
  SCRIPT,
  SECRETS,
  shells,
} from "./collector_machine.ts";

/** Lines that begin a command, outside of texts for other programs. */
const COMMAND =
  /^\s*(?:put|say|mark|mkdir|if|for|while|\w+=|dmesg|lspci|uname|sleep|left|echo|cat|head|printf|set|tar|rm|remove|mask|awk|\[|trap)\b/;
/** Before this line, only options are read. */
const START = /^remove\(\)/;
const SIGNALS = { TERM: 143, INT: 130, HUP: 129 } as const;
const PLACES = 50;
const AT_ONCE = 10;

Deno.test("a signal at any of fifty places loses nothing and leaves nothing", async () => {
  const lines = Deno.readTextFileSync(SCRIPT).split("\n");
  const start = lines.findIndex((line) => START.test(line));
  const candidates = lines.flatMap((line, at) =>
    at > start && COMMAND.test(line) && !/[\\|(]$/.test(lines[at - 1]!) ? [at] : []
  );
  assert(candidates.length >= PLACES, `${candidates.length} places`);
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[];
  const tried = candidates.slice(0, PLACES).map((at, index) => ({
    at,
    signal: names[index % names.length]!,
  }));
  let noted = 0;
  while (tried.length > 0) {
    await Promise.all(
      tried.splice(0, AT_ONCE).map(async ({ at, signal }) => {
        const box = machine(0);
        const script = join(box.folder, "script.sh");
        const text = lines.with(at, `kill -s ${signal} $$; ${lines[at]!.trimStart()}`).join("\n");
        Deno.writeTextFileSync(script, text);
        const { code, stderr } = await collector(shells()[0]!, box, ["-y", "1"], script).output();
        const place = `line ${at + 1}: ${new TextDecoder().decode(stderr)}`;
        assert(code === 0 || code === SIGNALS[signal], `${code} ${place}`);
        if (code !== 0) noted++;
        assertEquals(changedSettings(box), [], place);
        const files = collected(box);
        const expected = ["dmesg.txt", "facts.txt", "lspci.txt", "trace.txt"];
        assertEquals(Object.keys(files).sort(), expected, place);
        const found = SECRETS.filter((secret) => Object.values(files).join().includes(secret));
        assertEquals(found, [], place);
        Deno.removeSync(box.folder, { recursive: true });
      }),
    );
  }
  assert(noted > PLACES / 4, `${noted} came before the end of the recording`);
});
