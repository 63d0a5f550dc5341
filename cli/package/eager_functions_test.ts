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

Deno.test("private methods that are moved have a name of their own, in each class another one", () => {
  const text = marked(`${EXPECT}
class Device {
  map() { return this.#map() + this.#idle; }
  #idle = 1;
  #map() { return 10; }
}
class Disk extends Device {
  map() { return [super.map(), this.#map(), this?.#map()]; }
  #map() {
    const inner = new class { #map() { return 3; } map() { return this.#map(); } }();
    return this.#kind() + inner.map();
  }
  #kind() { return 20; }
}
expect(new Disk().map(), [11, 23, 23]);
expect(Object.keys(new Disk()), []);
`);
  assert(!text.includes("#map") && !text.includes("#kind"), text);
  assert(text.includes("#idle"), text);
  // Nothing else has the one above it.
  assert(/ map\(\) \{ return \[super\.map\(\)/.test(text), text);
});

Deno.test("private names that are looked for stay, and so do methods of the class itself", () => {
  const text = marked(`${EXPECT}
class Handle {
  static is(what) { return #own in what && what.#own(); }
  static #count() { return 1; }
  static count() { return Handle.#count(); }
  #own() { return true; }
}
expect([Handle.is(new Handle()), Handle.is({}), Handle.count()], [true, false, 1]);
`);
  assert(text.includes("static is(what) { return #own in what && what.#own(); }"), text);
  assert(text.includes("  #own() { return true; }"), text);
  assert(text.includes("static #count() { return 1; }"), text);
});
