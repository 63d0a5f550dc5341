#!/bin/sh
# Deno 2.9.6 (npm): the bytes of a SharedArrayBuffer do not count when V8 decides whether to collect garbage.
#
# Behaviour: a program keeps the last 256 buffers of 64 KiB (16 MiB) and makes 16,384 of them, 1 GiB in all. With ArrayBuffer, V8
# collects its old objects several times, because the buffers count as external memory. With SharedArrayBuffer it never does, and the
# process needs more than twice the memory. So shared memory is no way to avoid collections: what is dead stays.
# Input: one program, which is told the kind of buffer.
# Output: plain: collections yes; shared: collections none, more than twice the memory (seen: 4 and 229 MiB, 0 and 689 MiB)
#
# Fails if V8 collects for shared buffers, or no longer does for the others.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" deno@2.9.6 >/dev/null
deno="$folder/node_modules/.bin/deno"
"$deno" --version | head -n 1

cat >ring.mjs <<'END'
import process from "node:process";
const Kind = process.argv[2] === "shared" ? SharedArrayBuffer : ArrayBuffer;
const ring = new Array(256);
let most = 0;
for (let count = 0; count < 16384; count++) {
  const bytes = new Uint8Array(new Kind(65536));
  for (let at = 0; at < bytes.length; at += 4096) bytes[at] = 1;
  ring[count % ring.length] = bytes;
  if (count % 256 === 0) most = Math.max(most, process.memoryUsage().rss);
}
console.log("\nmost", Math.round(most / 2 ** 20));
END
for kind in plain shared; do
  DENO_DIR="$folder/cache" "$deno" run --quiet --v8-flags=--trace-gc ring.mjs "$kind" >"$kind"
  echo "$kind: $(grep -ac 'Mark-Compact' "$kind" || true) collections of old objects, $(sed -n 's/^most //p' "$kind") MiB"
done
[ "$(grep -ac 'Mark-Compact' plain)" -gt 0 ]
[ "$(grep -ac 'Mark-Compact' shared || true)" = 0 ]
[ "$(sed -n 's/^most //p' shared)" -gt $((2 * $(sed -n 's/^most //p' plain))) ]
