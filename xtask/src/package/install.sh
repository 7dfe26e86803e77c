#!/bin/sh
# Installs Weir for this user, from the folder that this script is in: the program, its manual pages and completions,
# and its registration with the browsers. Nothing is downloaded, and nothing needs root.
set -eu

usage() {
    cat <<'END'
usage: ./install.sh [--prefix DIR] [--browser NAME|all]...
       ./install.sh --uninstall [--prefix DIR]

  --prefix DIR     where it goes: DIR/bin and DIR/share [PREFIX, else ~/.local]
  --browser NAME   registers with these browsers, not with those that are found; may be repeated
  --uninstall      takes everything away again, but for captures, settings and the list of captures
END
}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

# Everything that is installed below the prefix, but for the program: its name here, and there.
files() {
    for page in "$here"/man/*.1; do
        printf '%s\t%s\n' "man/${page##*/}" "share/man/man1/${page##*/}"
    done
    printf '%s\t%s\n' \
        completions/weir.bash share/bash-completion/completions/weir \
        completions/weir.fish share/fish/vendor_completions.d/weir.fish \
        completions/_weir share/zsh/site-functions/_weir
}

# Puts a file in the place of another in one step: the old one may be running.
put() { # FROM TO MODE
    mkdir -p "${2%/*}"
    cp "$1" "$2.new.$$"
    chmod "$3" "$2.new.$$"
    mv -f "$2.new.$$" "$2"
}

install() {
    # A program for another kind of machine would say so only once a browser starts it.
    version=$("$here/weir" --version) ||
        fail "$here/weir does not run on this machine ($(uname -s), $(uname -m)): take the archive that is made for it"
    put "$here/weir" "$bin/weir" 755
    files | while IFS="$tab" read -r from to; do
        put "$here/$from" "$prefix/$to" 644
    done
    printf 'installed %s as %s\n' "$version" "$bin/weir"
    status=0
    "$bin/weir" install "$@" || status=$?
    case $status in
    0) ;;
    2) [ $# -eq 0 ] || exit 2 ;; # no browser is here yet, which weir has said
    *) exit "$status" ;;
    esac
    case :$PATH: in
    *:"$bin":*) ;;
    *) printf 'to use it in a terminal, add %s to PATH\n' "$bin" ;;
    esac
}

uninstall() {
    if [ -x "$bin/weir" ]; then
        "$bin/weir" uninstall
    fi
    rm -f "$bin/weir"
    files | while IFS="$tab" read -r _ to; do
        rm -f "$prefix/$to"
        # Folders that hold anything else stay.
        folder=${to%/*}
        while [ "$folder" != "${folder%/*}" ] && rmdir "$prefix/$folder" 2>/dev/null; do
            folder=${folder%/*}
        done
    done
    rmdir "$bin" 2>/dev/null || :
    printf 'uninstalled; captures, settings and the list of captures stay\n'
}

tab=$(printf '\t')
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=${PREFIX:-}
action=install
browsers=
while [ $# -gt 0 ]; do
    case $1 in
    --prefix | --browser)
        [ $# -ge 2 ] && [ -n "$2" ] || fail "$1 needs a value" 2
        if [ "$1" = --prefix ]; then prefix=$2; else browsers="$browsers --browser $2"; fi
        shift
        ;;
    --uninstall) action=uninstall ;;
    -h | --help)
        usage
        exit
        ;;
    *)
        usage >&2
        fail "unknown option: $1" 2
        ;;
    esac
    shift
done
if [ -z "$prefix" ]; then
    prefix=${HOME:?install.sh: HOME is not set: say where to install with --prefix DIR}/.local
fi
case $prefix in
/*) ;;
*) prefix=$(pwd)/$prefix ;;
esac
bin=$prefix/bin
# shellcheck disable=SC2086 # names of browsers are words
$action $browsers
