/**
 * Does the command lines of the tests on Node, one after the other in one process, with the program
 * of the package as it is: starting Node and compiling the program takes longer than most of them.
 *
 *     node tests/resident_node.js FOLDER_OF_THE_PACKAGE
 *
 * A line of the standard input is the words of a command line as JSON; a line of the output what came of it.
 */
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const [, , folder] = process.argv;
const moduleIn = (name) => pathToFileURL(join(folder, name)).href;
const { NODE_HOST: host } = await import(moduleIn("node_host.js"));

const lines = createInterface({ input: process.stdin });
const held = process.getActiveResourcesInfo().length;

let did;
const isTerminal = () => false;
for (const name of ["stdout", "stderr"]) {
  Object.assign(host[name], {
    isTerminal,
    writeSync(bytes) {
      const piece = Buffer.from(bytes);
      did[name].push(piece);
      did.both.push(piece);
      return bytes.length;
    },
  });
}
// What they read is at its end.
Object.assign(host.stdin, { isTerminal, read: () => null });

let count = 0;
for await (const line of lines) {
  did = { stdout: [], stderr: [], both: [] };
  host.args.splice(0, Infinity, ...JSON.parse(line));
  process.exitCode = 0;
  // Each time a module anew: the others of the program stay.
  await import(`${moduleIn("bin.js")}?${count++}`);
  const texts = Object.entries(did).map((
    [name, pieces],
  ) => [name, Buffer.concat(pieces).toString()]);
  // A process of its own would wait for them. A worker takes a while to end.
  let left = [];
  for (let tries = 0; tries < 200; tries++) {
    left = process.getActiveResourcesInfo().slice(held);
    if (left.length === 0) break;
    await setTimeout(10);
  }
  const ended = { ...Object.fromEntries(texts), code: process.exitCode, left };
  process.stdout.write(`${JSON.stringify(ended)}\n`);
}
process.exitCode = 0;
