#!/bin/sh
# Chevrotain 13.2.0 (npm) in Deno 2.9.6: when a parser has recorded its grammar, it deletes 89 methods from itself, and V8 copies all
# properties of the parser at each deletion.
#
# Behaviour: performSelfAnalysis() first uses the parser as a prototype (`toFastProperties`), which speeds its properties up. V8 keeps
# the properties of a prototype in a form for fast reads. Each `delete` changes the form, and V8 changes it back. The same 89 deletions
# from a plain object with the same properties take a hundredth of that time or less. The more rules a grammar has, the longer it takes.
# A parser that keeps the recording methods in an object between itself and its class deletes nothing.
# Input: grammars of 10 and of 400 rules, one token each; fifteen parsers of each.
# Output, medians in ms: 10 rules: parser 1.639, deletions 1.100, plain object 0.005
#                        400 rules: parser 9.797, deletions 5.771, plain object 0.004
#
# Fails if the deletions take less than ten times as long as those from a plain object.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" chevrotain@13.2.0 deno@2.9.6 >/dev/null
deno="$folder/node_modules/.bin/deno"
"$deno" --version | head -1

cat >measure.mjs <<'END'
import { createToken, EmbeddedActionsParser } from "chevrotain";

const A = createToken({ name: "A", pattern: /a/ });
let deletionsMs = 0;

class Parser extends EmbeddedActionsParser {
  constructor(rules) {
    super([A]);
    for (let rule = 0; rule < rules; rule++) this.RULE(`rule${rule}`, () => this.CONSUME(A));
    this.performSelfAnalysis();
  }

  disableRecording() {
    const start = performance.now();
    super.disableRecording();
    deletionsMs = performance.now() - start;
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

let isSlow = true;
for (const rules of [10, 400]) {
  const times = { parser: [], deletions: [], "plain object": [] };
  for (let round = 0; round < 15; round++) {
    const start = performance.now();
    const parser = new Parser(rules);
    times.parser.push(performance.now() - start);
    times.deletions.push(deletionsMs);
    const plain = { ...parser };
    const names = Array.from({ length: 89 }, (_, index) => `recording${index}`);
    for (const name of names) plain[name] = () => {};
    const deleting = performance.now();
    for (const name of names) delete plain[name];
    times["plain object"].push(performance.now() - deleting);
  }
  const medians = Object.entries(times).map(([name, ms]) => `${name} ${median(ms).toFixed(3)}`);
  console.log(`${rules} rules: ${medians.join(", ")}`);
  isSlow &&= median(times.deletions) > 10 * median(times["plain object"]);
}
Deno.exit(isSlow ? 0 : 1);
END
DENO_DIR="$folder/cache" "$deno" run --quiet --allow-read --allow-env measure.mjs
