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

Deno.test("methods stay that are of the class itself, or call the one above them", () => {
  const text = marked(`${EXPECT}
class Device {
  map() { return 10; }
}
class Disk extends Device {
  static is(what) { return what instanceof this; }
  map() { return [super.map(), 20]; }
}
expect([new Disk().map(), Disk.is(new Disk()), Disk.is({})], [[10, 20], true, false]);
`);
  assert(text.includes("static is(what) { return what instanceof this; }"), text);
  assert(text.includes("  map() { return [super.map(), 20]; }"), text);
});

Deno.test("private methods are functions beside their class, which are given what was this", () => {
  const text = marked(`${EXPECT}
class Device {
  #idle = 1;
  map() { return this.#both(this.#pages(), 5); }
  #both(pages, more = pages) { return pages.map((page) => page + this.#idle + more); }
  #pages() { return [this.#idle, 2]; }
  async drained() { return await this.#drain(new Device()); }
  async #drain(other) { return [...other.#each(3)]; }
  *#each(last) {
    for (let at = this.#idle; at <= last; at++) yield function () { return [this?.a, at]; }.call({ a: 7 });
  }
}
class Disk extends Device {
  map() { return [super.map(), this.#pages().#next().map()]; }
  #pages() { return this; }
  #next() { return class { static map() { return 20; } }; }
}
Disk.prototype;
expect(new Device().map(), [7, 8]);
expect(await new Device().drained(), [[7, 1], [7, 2], [7, 3]]);
`);
  assert(text.startsWith("var $own0,$own1,$own2,$own3;\n"), text);
  assert(text.includes("map:(function() { return $own0(this,$own1(this), 5); })"), text);
  assert(text.includes("$own0=(function($self,pages, more = pages) {"), text);
  assert(text.includes("pages.map(((page) => page + $self.#idle + more))"), text);
  assert(text.includes("$own1=(function($self) { return [$self.#idle, 2]; })"), text);
  assert(
    text.includes("$own2=(async function($self,other) { return [...$own3(other,3)]; })"),
    text,
  );
  assert(text.includes("$own3=(function*($self,last) {"), text);
  assert(text.includes("{ return [this?.a, at]; }"), text);
  assert(text.includes("  #pages() { return this; }"), "what did not run stays");
});

Deno.test("a private method that is called on what another one gave is called around it", () => {
  const text = marked(`${EXPECT}
class List {
  #count = 0;
  counted() { return this.#more()["#more"] ?? this.#twice().#more().#more(2).#count; }
  #twice() { return this.#more().#more(this.#count); }
  #more(by = 1) { this.#count += by; return this; }
}
expect(new List().counted(), 7);
`);
  assert(text.includes("?? $own0($own0($own1(this)),2).#count"), text);
  assert(text.includes("return $own0($own0($self),$self.#count)"), text);
});

Deno.test("a private method's name means that of the innermost class around it", () => {
  const text = marked(`${EXPECT}
class Bus {
  #scan(n) { return n + 1; }
  run() {
    const bus = this;
    const Port = class { #probe(n) { return bus.#scan(n) * 10; } run() { return this.#probe(1); } };
    return new Port().run();
  }
}
class Other { #scan(n) { return n + 2; } run() { return this.#scan(1); } }
expect([new Bus().run(), new Other().run()], [20, 3]);
const made = [];
for (const n of [1, 2]) made.push(class { #turn() { return n; } run() { return this.#turn(); } });
class Maker { kind = class { #held(maker) { return maker; } run(maker) { return this.#held(maker); } }; }
expect([...made.map((Kind) => new Kind().run()), new (new Maker().kind)().run(5)], [1, 2, 5]);
`);
  assert(text.includes("return $own0(bus,n) * 10;"), text);
  assert(text.includes("return $own1(this,1);"), text);
  // There is a new class in each call, and one variable would not do.
  for (const method of ["#probe(n) {", "#turn() {", "#held(maker) {"]) {
    assert(text.includes(method), text);
  }
});

Deno.test("private methods stay that are used in any way but a plain call, or depend on being methods", () => {
  const text = marked(`${EXPECT}
class Ring {
  static is(what) { return #tested in what; }
  static #own() { return 9; }
  static own() { return this.#own(); }
  #tested() { return 1; }
  #given() { return 2; }
  #perhaps() { return 3; }
  #counted() { return arguments.length; }
  get #read() { return () => 5; }
  all(other) {
    return [this.#tested(), [0].map(this.#given)[0], this.#given(), other?.#perhaps(), this.#perhaps(),
      this.#counted(6, 6), this.#read(), Ring.own()];
  }
}
expect([new Ring().all(new Ring()), Ring.is({})], [[1, 2, 2, 3, 3, 2, 5, 9], false]);
`);
  assertEquals(text.match(/\$own/g), null);
});
