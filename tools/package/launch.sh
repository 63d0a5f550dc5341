# Starts Deno with the permissions of the command, as launch.js does on Node. bin.js runs it in a POSIX shell, with the
# package's folder as $own. It returns where it leaves a line to launch.js: where it would have to look at files.
# The words between "@" come from the records of the commands, when the package is built.
case $#:${1-} in
  1:--version | 1:-V) printf 'dmalab %s\n' @VERSION@ 2> /dev/null && exit ;;
esac
case ${1-} in
  @COMMANDS@) ;;
  *) return 0 ;;
esac
[ -z "${DMALAB_TREE-}${NODE_CHANNEL_FD-}" ] || return 0
case $(export -p) in @LOADER_VARIABLES@) return 0 ;; esac
for word; do
  case $word in
    /* | *..* | *=/*) return 0 ;;
    @PATH_OPTIONS@) return 0 ;;
  esac
done

# The packages lie below dmalab, or beside it. Node finds them in folders named node_modules only.
modules=$own/node_modules
[ -d "$modules/deno" ] || modules=${own%/*}
[ "${modules##*/}" = node_modules ] && [ ! -L "$modules/deno" ] || return 0
[ -f "$modules/deno/package.json" ] && [ ! -e "$modules/deno/node_modules" ] || return 0
deno=
for each in "$modules"/@deno/*/deno; do
  [ -z "$deno" ] && [ -f "$each" ] && [ -x "$each" ] || return 0
  deno=$each
done
# A container or another computer may share the folder. The Deno of another system does not start here.
case $deno in
  */linux-x64-glibc/deno) loader=/lib64/ld-linux-x86-64.so.2 ;;
  */linux-arm64-glibc/deno) loader=/lib/ld-linux-aarch64.so.1 ;;
  */darwin-*/deno) loader=/usr/lib/dyld ;;
  *) return 0 ;;
esac
[ -e "$loader" ] || return 0
if [ -L "$deno" ] || [ -L "${deno%/*}" ] || [ -L "$modules/@deno" ]; then
  deno=$(command -p readlink -f -- "$deno") || return 0
fi

# Whether a folder exists and is named by its only path: no symlink, no "..", no "//".
only() { [ "$(cd -P -- "$1" 2> /dev/null && pwd)" = "${1:-none}" ]; }
case $1 in
  @WITH_CACHE@)
    cache=${XDG_CACHE_HOME-${HOME:+$HOME/.cache}}
    only "$cache" && [ ! -L "$cache/dmalab" ] || return 0
    cache=$cache/dmalab ;;
esac
case $1 in
  @COMPILING@)
    clangs=
    for pair in @CLANGS@; do
      [ -e "${pair%:*}" ] || continue
      for each in "${pair%:*}" "${pair#*:}"; do
        [ -e "$each" ] || continue
        real=$(command -p readlink -f -- "$each") || return 0
        clangs=$clangs,$each,$real
        case $real in *,*) return 0 ;; esac
      done
    done ;;
esac
case $1 in
  @WRITING_HERE@)
    # The dot keeps newlines at the end of the folder's name.
    here=$(pwd -P && echo .) || return 0
    here=${here%??} ;;
esac
case $1 in
  @WITH_EDITOR@)
    # Ctrl-Z must stop a script that started dmalab, too. Only launch.js can do so.
    if [ -t 0 ]; then
      { read -r each each each each group each < /proc/self/stat; } 2> /dev/null || return 0
      [ "$group" = "$$" ] || return 0
    fi
    editor=${VISUAL:-${EDITOR-}}
    case $editor in *[!A-Za-z0-9_./+-]*) return 0 ;; esac ;;
esac
# Deno takes a comma for the end of a path. Node removes "//", as in "//dmalab" of XDG_CACHE_HOME=/.
case $own$deno${cache-}${here-} in *,* | *//*) return 0 ;; esac

case $1 in
@STARTS@
esac
unset @NODE_OPTIONS_VARIABLE@
export DENO_NO_UPDATE_CHECK=1 @GIVEN_PERMISSIONS@=
exec "$deno" run @DENO_OPTIONS@ "$@"
