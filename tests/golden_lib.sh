# shellcheck shell=bash
# Sourced behind lib.sh by tests of golden cases: folders with in/, expected/ and cmd, the line that the reference got.
# The test says what of it are the words for our tool: args FOLDER.

# tree FOLDER: every file with its content
tree() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }

# in_case TOOL FOLDER: a fresh $T/w with the inputs, the command run in it; $T/before is its tree
in_case() {
        local tool=$1
        rm -rf "$T/w" && mkdir -p "$T/w"
        [ -d "$2/in" ] && cp -r "$2/in/." "$T/w/"
        chmod -R u+w "$T/w"
        tree "$T/w" >"$T/before"
        eval "set -- $(args "$2")"
        cd "$T/w" || exit 5
        run "$tool" "$@"
        cd "$TOP" || exit 5
}
