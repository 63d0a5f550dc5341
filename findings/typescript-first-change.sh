#!/bin/sh
# TypeScript 7.0.2 (npm), the native compiler: after a full incremental check without output, the first change to a module has all
# modules that import it checked again, even if the change is a comment.
#
# Behaviour: with "noEmit", the stored result of a full check knows a module by its text only. A comment added to it changes the text,
# so its importers are checked again; a second comment is compared by declarations, and only the module itself is checked. With
# declarations written ("declaration", "emitDeclarationOnly"), the first comment is as cheap as the second. In a project of
# 2,000 modules, the first comment takes 12 seconds of processor time instead of 2.
# Input: a module, and 60 modules that import it. The number of types that a check creates shows how much was checked.
# Output: noEmit: 12020 types, first comment 2907, second comment 344; with declarations: 12020, 344, 344
#
# Fails if the first comment costs as little without declarations, or as much with them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" typescript@7.0.2 >/dev/null
tsc="$folder/node_modules/.bin/tsc"
"$tsc" --version

mkdir src
for module in $(seq 60); do
  {
    echo 'import { shared } from "./base.ts";'
    for item in $(seq 20); do
      echo "export interface I$item { readonly a$item: number; readonly s: typeof shared }"
      echo "export const v$item: I$item = { a$item: $item, s: shared };"
    done
  } >"src/m$module.ts"
done

checked() {
  "$tsc" --extendedDiagnostics --pretty false | sed -n 's/^Types: *//p'
}
counts() {
  cat >tsconfig.json <<END
{
  "compilerOptions": {
    "target": "esnext", "module": "esnext", "moduleResolution": "bundler", "allowImportingTsExtensions": true,
    "strict": true, "lib": ["esnext"], "types": [], "incremental": true, "tsBuildInfoFile": "./info", $1
  },
  "include": ["src"]
}
END
  rm -rf info out
  printf 'export interface Shared { readonly name: string }\nexport const shared: Shared = { name: "a" };\n' >src/base.ts
  full=$(checked)
  echo "// one" >>src/base.ts
  first=$(checked)
  echo "// two" >>src/base.ts
  echo "$full $first $(checked)"
}

without=$(counts '"noEmit": true')
with=$(counts '"declaration": true, "emitDeclarationOnly": true, "rootDir": "src", "outDir": "out"')
echo "noEmit: $without; with declarations: $with"
# shellcheck disable=SC2086 # Three numbers each.
set -- $without $with
[ "$2" -gt $((2 * $3)) ] && [ "$5" -eq "$6" ]
