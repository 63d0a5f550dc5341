#!/bin/sh
# Deno 2.9.6 (npm): Deno.Command with `clearEnv: true` still searches the parent's PATH for the program.
#
# Behaviour: a child that is started with `clearEnv: true` and no PATH in `env` gets an empty environment, and its program is found in
# the folders of the parent's PATH. Only a PATH in `env` changes where Deno searches. An empty environment is no limit to what
# a name can start.
# Input: a program `tool-x` in a folder of the parent's PATH and another one in a folder of the child's.
# Output: nothing set: parent; clearEnv: parent; clearEnv and PATH: child
#
# Fails if Deno does not find the program with `clearEnv` alone, or takes the parent's with a PATH for the child.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" deno@2.9.6 >/dev/null
deno="$folder/node_modules/.bin/deno"
"$deno" --version | head -n 1

for name in parent child; do
  mkdir "$name"
  printf '#!/bin/sh\necho %s\n' "$name" >"$name/tool-x"
  chmod +x "$name/tool-x"
done
cat >run.ts <<'END'
async function printed(options: Deno.CommandOptions): Promise<string> {
  const { stdout } = await new Deno.Command("tool-x", { stdout: "piped", ...options }).output();
  return new TextDecoder().decode(stdout).trim();
}
const PATH = `${Deno.cwd()}/child:/usr/bin:/bin`;
console.log(
  await printed({}),
  await printed({ clearEnv: true }),
  await printed({ clearEnv: true, env: { PATH } }),
);
END
found=$(PATH="$folder/parent:$PATH" "$deno" run -A run.ts)
echo "$found"
[ "$found" = "parent parent child" ]
