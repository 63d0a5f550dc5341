#!/bin/sh
# wasm-ld of LLVM 22 (@yowasp/clang 22.0.0-git20542-10, npm): --wrap also redirects calls within one object file.
#
# Behaviour: `f()` and its caller `g()` are in one object. With `--wrap=f`, GNU ld leaves the call of `g()` alone, since `f` is
# defined there and not an undefined symbol. wasm-ld links the call to `__wrap_f()`. A wrapper that is meant for calls from other
# files runs for the file's own calls, too.
# Input: `f(at)` returns at + 1, `g(at)` calls `f(at)`, `__wrap_f(at)` returns 100 times `__real_f(at)`; no optimisation.
# Output: GNU ld: g(1) is 2; wasm-ld: g(1) is 200
#
# Needs gcc and npm. Fails if either linker does the other thing.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" @yowasp/clang@22.0.0-git20542-10 >/dev/null
ld --version | head -n 1

cat >one.c <<'CODE'
int f(int at) { return at + 1; }
int g(int at) { return f(at); }
CODE
cat >wrap.c <<'CODE'
int __real_f(int);
int __wrap_f(int at) { return 100 * __real_f(at); }
CODE
cat >main.c <<'CODE'
#include <stdio.h>
int g(int);
int main(void) { printf("%d\n", g(1)); }
CODE
cat >link.mjs <<'CODE'
import { readFileSync } from "node:fs";
import { runLLVM } from "@yowasp/clang";
const quiet = { stdout: () => {}, stderr: () => {}, fetchProgress: () => {} };
let files = { "one.c": readFileSync("one.c", "utf8"), "wrap.c": readFileSync("wrap.c", "utf8") };
for (const name of ["one", "wrap"]) {
  const args = ["clang", "--target=wasm32", "-O0", "-c", `${name}.c`, "-o", `${name}.o`];
  files = await runLLVM(args, files, quiet);
}
const options = ["--no-entry", "--export=g", "--wrap=f", "one.o", "wrap.o", "-o", "out.wasm"];
files = await runLLVM(["wasm-ld", ...options], files, quiet);
const { instance } = await WebAssembly.instantiate(files["out.wasm"]);
console.log(instance.exports.g(1));
CODE
gcc -O0 one.c wrap.c main.c -Wl,--wrap=f -o main

found="$(./main) $(node link.mjs)"
echo "$found"
[ "$found" = "2 200" ]
