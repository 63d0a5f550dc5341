import { assert, assertEquals } from "@std/assert";
import { MAX_LINK_LENGTH, readLink, type Shared, writeLink } from "./share_link.ts";

const SHARED: Shared = {
  files: { "examples/a.dma": 'test "a <b>" { assert 1 == 1 }\n', "data/x.csv": "a,ö\n1,2\n" },
  entry: "examples/a.dma",
  run: 2,
  at: [24, 7],
  view: "events",
  seed: 7,
};

async function linkOf(value: unknown): Promise<string> {
  return await writeLink(value as Shared);
}

Deno.test("a link comes back as what was shared, in a frame too", async () => {
  const link = await writeLink(SHARED);
  assert(link.length < MAX_LINK_LENGTH);
  assertEquals(await readLink(link), { shared: SHARED, frame: null });
  assertEquals(await readLink(`${link}&frame=read`), { shared: SHARED, frame: "read" });
  assertEquals(await readLink(""), null);
});

Deno.test("a link that is broken, cut, newer or hostile comes back as a sentence", async () => {
  const whole = await writeLink(SHARED);
  const nameless = { ...SHARED, entry: "other.dma" };
  const bomb = await linkOf({ ...SHARED, files: { "examples/a.dma": " ".repeat(5_000_000) } });
  assert(bomb.length < MAX_LINK_LENGTH);
  const hostile = await Promise.all([
    whole.slice(0, -40),
    whole.slice(0, 12),
    whole.replace(/.{4}$/, "????"),
    whole.replace("#d1", "#d2"),
    whole.replace("#d1", "#d0"),
    `${whole}&frame=evil`,
    "#d1=",
    "#d1=%3Cscript%3E",
    "#<img src=x onerror=alert(1)>",
    "#__proto__",
    bomb,
    ...[
      nameless,
      { ...SHARED, files: null },
      { ...SHARED, files: { "examples/a.dma": 7 } },
      { ...SHARED, run: -1 },
      { ...SHARED, at: [1] },
      { ...SHARED, at: "end" },
      { ...SHARED, seed: 0.5 },
      { ...SHARED, view: {} },
      [],
      null,
      "text",
    ].map(linkOf),
  ]);
  for (const link of hostile) {
    const read = await readLink(link);
    assert(read !== null && "problem" in read, `${link.slice(0, 80)} is ${JSON.stringify(read)}`);
  }
  const newer = await readLink(whole.replace("#d1", "#d2"));
  assert(newer !== null && "problem" in newer && newer.problem.includes("newer"));
});

Deno.test("files of a link cannot reach what all objects have", async () => {
  const packed = await linkOf(JSON.parse(
    '{"files":{"__proto__":"x","a.dma":"y"},"entry":"a.dma","run":0,"at":null,"view":null,"seed":null}',
  ));
  const read = await readLink(packed);
  assert(read !== null && "shared" in read);
  assertEquals(Object.keys(read.shared.files), ["__proto__", "a.dma"]);
  assertEquals(Object.getPrototypeOf(read.shared.files), Object.prototype);
});
