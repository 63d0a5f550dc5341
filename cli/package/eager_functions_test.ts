import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { markEagerFunctions } from "./eager_functions.ts";
import { runQuietly } from "./bundle.ts";

/** Marks a program that is one file. @returns The program as it is then. */
function marked(text: string): string {
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-eager-" });
  try {
    const path = join(folder, "program.js");
    Deno.writeTextFileSync(path, text);
    assertEquals(runQuietly(["run", "--no-config", path]), null);
    assertEquals(markEagerFunctions(folder, [["program.js"]]), null);
    // It checks by itself that it does what it did.
    assertEquals(runQuietly(["run", "--no-config", path]), null);
    return Deno.readTextFileSync(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** What the programs check themselves by. */
const EXPECT = `function expect(what, wanted) {
  if (JSON.stringify(what) !== JSON.stringify(wanted)) throw new Error(JSON.stringify(what));
}
`;

Deno.test("methods that ran are functions in parentheses, and all others stay", () => {
  const text = marked(`${EXPECT}
class Page {
  static first = new Page(1).next();
  #number;
  constructor(number) { this.#number = number; }
  next(by = 1) { return new Page(this.#number + by).number(); }
  number() { return this.#number; }
  never() { return 0; }
}
expect([Page.first, new Page(4).next(2)], [2, 6]);
expect(Object.keys(Page.prototype), []);
expect([Page.prototype.next.name, Page.prototype.next.length], ["next", 0]);
for (const method in new Page(1)) throw new Error(method);
`);
  assert(text.includes("next:(function(by = 1) {"), text);
  assert(text.includes("number:(function() {"), text);
  assert(text.includes("  never() { return 0; }"), text);
  assert(text.includes("constructor(number) {"), text);
});

Deno.test("methods that wait, that give in turn and that hold functions are moved as they are", () => {
  const text = marked(`${EXPECT}
class Ring {
  #slots = [3, 5];
  async sum() { return (await this.all()).reduce((sum, slot) => sum + slot, 0); }
  async all() { return [...this.each()]; }
  *each() { for (const slot of this.#slots) yield slot; }
  async *later() { yield* this.#slots; }
}
expect(await new Ring().sum(), 8);
expect(await Array.fromAsync(new Ring().later()), [3, 5]);
`);
  assert(text.includes("sum:(async function() {"), text);
  assert(text.includes("reduce(((sum, slot) => sum + slot), 0)"), text);
  assert(text.includes("each:(function*() {"), text);
  assert(text.includes("later:(async function*() {"), text);
});

Deno.test("methods stay that are private, of the class itself, or call the one above them", () => {
  const text = marked(`${EXPECT}
class Device {
  map() { return this.#map() + this.#idle; }
  #idle = 1;
  #map() { return 10; }
}
class Disk extends Device {
  static is(what) { return #map in what; }
  map() { return [super.map(), this.#map()]; }
  #map() { return 20; }
}
expect([new Disk().map(), Disk.is(new Disk()), Disk.is({})], [[11, 20], true, false]);
`);
  assert(text.includes("map:(function() { return this.#map() + this.#idle; })"), text);
  assert(text.includes("  #map() { return 10; }"), text);
  assert(text.includes("static is(what) { return #map in what; }"), text);
  assert(text.includes("  map() { return [super.map(), this.#map()]; }"), text);
});
