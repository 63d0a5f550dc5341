#!/bin/sh
# Deno 2.9.6 (npm): DecompressionStream("gzip") refuses a file of two gzip members.
#
# Behaviour: `gzip -dc` prints both members of `cat a.gz b.gz` (RFC 1952: a file is a series of members). DecompressionStream
# throws a TypeError after the first; the standard of the stream calls more input after the end an error. Logs that are
# compressed in several steps are such files.
# Input: two members, `a` and `b`, each made by gzip.
# Output: gzip: ab; Deno, one member: a; Deno, two members: TypeError
#
# Fails if Deno reads both members, or refuses one.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" deno@2.9.6 >/dev/null
deno="$folder/node_modules/.bin/deno"
"$deno" --version | head -n 1

printf a | gzip >a.gz
printf b | gzip >b.gz
cat a.gz b.gz >two.gz
cat >read.js <<'END'
const file = await Deno.open(Deno.args[0]);
try {
  console.log(await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).text());
} catch (error) {
  console.log(error.name);
}
END
read_by_deno() {
  DENO_DIR="$folder/cache" "$deno" run --quiet --allow-read read.js "$1"
}

found="$(gzip -dc two.gz) $(read_by_deno a.gz) $(read_by_deno two.gz)"
echo "$found"
[ "$found" = "ab a TypeError" ]
