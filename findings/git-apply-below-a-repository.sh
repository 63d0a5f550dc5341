#!/bin/sh
# git 2.39.5 (Debian bookworm): `git apply` in a plain folder below a repository applies nothing, with exit code 0.
#
# Behaviour: in a folder of any repository, git takes the paths of a patch with the line `diff --git` for paths of the repository, and
# leaves out those outside of the current folder. A patch that fits the files of the folder is skipped whole: no file changes,
# nothing is printed, the exit code is 0. The same patch without that line is applied. A script that unpacks sources into a
# temporary folder depends on whether a folder above has a `.git`; GIT_CEILING_DIRECTORIES ends the search for one.
# Input: a folder with one file, below an empty repository; a patch of that file, with and without the line.
# Output: diff --git: code 0, one; with GIT_CEILING_DIRECTORIES: code 0, two; without the line: code 0, two
#
# Fails if git applies the first patch, refuses it or says that it skipped it, or skips one of the others.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p archives/partial root home
apt-get install -qq -y --download-only --reinstall -o Dir::Cache::archives="$folder/archives" \
  -o APT::Sandbox::User=root "git=1:2.39.5-0+deb12u3" >/dev/null
for package in archives/git_*.deb; do dpkg -x "$package" root; done
GIT_EXEC_PATH="$folder/root/usr/lib/git-core"
HOME="$folder/home"
export GIT_EXEC_PATH HOME
git="$folder/root/usr/bin/git"
"$git" --version

"$git" init --quiet outer
mkdir outer/sources
printf '%s\n' '--- a/file.txt' '+++ b/file.txt' '@@ -1 +1 @@' '-one' '+two' >plain.patch
{
  echo 'diff --git a/file.txt b/file.txt'
  cat plain.patch
} >git.patch
cd outer/sources

# apply NAME PATCH WANTED: nothing is printed, and the file has that line.
apply() {
  echo one >file.txt
  output=$("$git" apply "../../$2" 2>&1)
  echo "$1: code $?, $(cat file.txt)"
  [ -z "$output" ] && [ "$(cat file.txt)" = "$3" ]
}
apply 'diff --git' git.patch one
apply 'without the line' plain.patch two
GIT_CEILING_DIRECTORIES="$folder/outer"
export GIT_CEILING_DIRECTORIES
apply 'with GIT_CEILING_DIRECTORIES' git.patch two
