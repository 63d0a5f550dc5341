#!/bin/sh
# Deno 2.9.6 (npm): v8.setFlagsFromString() takes flags that then have no effect, and flags that V8 does not have.
#
# Behaviour: in a running program `--expose-gc` has its effect, as in Node: a new context has gc(). `--trace-gc` has none, while the
# same flag prints collections when `deno run --v8-flags=` gets it, and in Node at run time. An unknown flag passes without a word;
# Node prints an error. A program that tunes its garbage collection in this way runs untuned.
# Input: one program, which switches both flags on and makes garbage.
# Output: deno: gc function, traced 0; deno with the flag at its start: gc function, traced 1
#
# Fails if Deno traces collections after the call, or reports the unknown flag.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" deno@2.9.6 >/dev/null
deno="$folder/node_modules/.bin/deno"
"$deno" --version | head -n 1

cat >flags.mjs <<'END'
import v8 from "node:v8";
import vm from "node:vm";
v8.setFlagsFromString("--expose-gc");
v8.setFlagsFromString("--trace-gc");
v8.setFlagsFromString("--no-flag-of-this-name");
let list = [];
for (let turn = 0; turn < 5e6; turn++) list = [list.length, turn];
console.log("gc", typeof vm.runInNewContext("globalThis.gc"));
END
run() {
  DENO_DIR="$folder/cache" "$deno" run --quiet "$@" flags.mjs >output 2>&1
  traced=0
  grep -aq "Scavenge" output && traced=1
  echo "$(grep -ao 'gc function' output), traced $traced, unknown $(grep -ac 'no-flag-of-this-name' output || true)"
}

found="$(run); $(run --v8-flags=--trace-gc)"
echo "$found"
[ "$found" = "gc function, traced 0, unknown 0; gc function, traced 1, unknown 0" ]
