/**
 * Imports modules, given by their addresses, and prints what they changed of the globals and of the
 * language's own objects, as a JSON list of names. Runs on Node and on Deno alike.
 */
// First: Deno itself makes its globals of Node when it loads a module of a package.
await import("node:module");
const modules = process.argv.slice(2);

function objects() {
  const found = new Map();
  const add = (name, value) => {
    const isObject = typeof value === "object" && value !== null || typeof value === "function";
    if (isObject && !found.has(value)) found.set(value, name);
  };
  add("globalThis", globalThis);
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
    if (!("value" in descriptor)) continue;
    add(name, descriptor.value);
    add(`${name}.prototype`, descriptor.value?.prototype);
  }
  return found;
}

/** Own properties by their objects. */
function look(found) {
  return new Map([...found].map(([object, name]) => [
    object,
    { name, own: Object.getOwnPropertyDescriptors(object) },
  ]));
}

const isSame = (one, other) =>
  one !== undefined && other !== undefined &&
  Reflect.ownKeys(one).every((key) => Object.is(one[key], other[key]));

const found = objects();
const before = look(found);
for (const address of modules) await import(address);
const changed = [];
for (const [object, { name, own }] of look(found)) {
  const old = before.get(object).own;
  for (const key of new Set([...Reflect.ownKeys(own), ...Reflect.ownKeys(old)])) {
    if (!isSame(old[key], own[key])) changed.push(`${name}.${String(key)}`);
  }
}
console.log(JSON.stringify(changed));
