#!/usr/bin/env bash
# Static rules of the house: headers compile alone, arrows point down, the core is freestanding,
# man pages are clean and know every option, no file names this machine.
. tests/lib.sh
eval "$(${MAKE:-make} -s --no-print-directory lint-facts)"
: "${CC:=gcc}"

# 1. headers compile alone, and are guarded
bad=
while read -r h; do
        case $h in lib/base/* | lib/fmt/* | firmware/core/*) flags=$CORE_FLAGS ;; *) flags=$HOST_FLAGS ;; esac
        # shellcheck disable=SC2086
        printf '#include "%s"\n#include "%s"\nint lint_unit;\n' "$h" "$h" |
                $CC $flags -fsyntax-only -x c - 2>"$T/h.err" || bad="$bad $h: $(head -3 "$T/h.err")"
done < <(git ls-files -co --exclude-standard 'lib/*.h' 'firmware/core/*.h')
if [ -z "$bad" ]; then pass "headers compile alone"; else fail "headers compile alone" "$bad"; fi

# 2. include direction: what each room may include
allowed() {
        case $1 in
        lib/base/*) echo 'base' ;;
        lib/fmt/*) echo 'base|fmt|crypt/(crypt|srp)\.h' ;;
        lib/crypt/*) echo 'base|crypt' ;;
        lib/wire/*) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|prov\.pb-c\.h' ;;
        lib/host/*) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|host' ;;
        lib/line/*) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|host|line|line_page\.h' ;;
        lib/sim/*) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|sim' ;;
        firmware/core/*) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|core|firmware/core' ;;
        firmware/port/*) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|host|core|firmware/core|firmware/port' ;;
        firmware/board/*) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|host|sim|board|firmware/board' ;;
        firmware/*) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|host|firmware/core|firmware/port' ;;
        samples/*) echo 'base|host|firmware/core' ;;
        flasher/* | provcli/*) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|host|line' ;;
        *) echo 'base|fmt|wire|crypt/(crypt|srp)\.h|host' ;;
        esac
}
bad=
while read -r f; do
        rules=$(allowed "$f")
        own=$(dirname "$f")
        while IFS= read -r inc; do
                [ -e "$own/$inc" ] && case $inc in */*) ;; *) continue ;; esac # beside the file itself
                if ! [[ $inc =~ ^($rules)(/|$) ]]; then bad="$bad $f includes $inc;"; fi
        done < <(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$f")
done < <(git ls-files -co --exclude-standard 'lib/*.[ch]' '*gen/*.[ch]' 'flasher/*.[ch]' 'provcli/*.[ch]' 'firmware/*.[ch]' 'samples/*.[ch]')
if [ -z "$bad" ]; then pass "includes point down"; else fail "includes point down" "$bad"; fi

# 3. the freestanding archives: undefined symbols against a whitelist; the outlet may call its port and the core too
white='memcpy|memmove|memset|memcmp|strlen|strcmp|strncmp|strnlen|memchr|strchr|crypt_[a-z0-9_]+|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail'
[ -n "${SAN:-}" ] && white="$white|__asan_.*|__ubsan_.*"
symbols() { # files…: "U name place", "D name"
        nm -A "$@" 2>/dev/null | awk 'NF < 2 { next } $(NF-1) ~ /^[TDBRVWC]$/ { print "D", $NF } $(NF-1) == "U" { print "U", $NF, $1 }'
}
freestanding() { # what whitelist archive…: the first archive is judged, the others define
        local what=$1 allow=$2 judged=$3
        shift 2
        symbols "$@" | awk '$1 == "D" { def[$2] = 1 } END { for (s in def) print s }' >"$T/def"
        symbols "$judged" | awk 'FILENAME != "-" { def[$1] = 1; next } $1 == "U" && !($2 in def) { print $2, $3 }' "$T/def" - | sort -u >"$T/und"
        if [ ! -s "$T/def" ] || [ ! -s "$T/und" ]; then
                fail "$what" "nothing to judge in $judged"
        elif grep -vE "^($allow) " "$T/und" >"$T/und.bad"; then
                fail "$what needs nothing but the whitelist" "$(cat "$T/und.bad")"
        else
                pass "$what needs nothing but the whitelist"
        fi
}
freestanding "freestanding core" "$white" "$O/${CORE_LIB##*/}"
freestanding "the outlet's core" "$white|port_[a-z0-9_]+" "$O/${OUTLET_LIB##*/}" "$O/${CORE_LIB##*/}"

# 4. the core for a 32-bit machine: it compiles, and what needs nothing but the core runs over its corpora
runs32() {
        $CC -m32 -O2 -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Ilib -I. "fuzz/$1_fuzz.c" fuzz/replay.c lib/host/file.c \
                "$T/m32.a" -o "$T/$1_replay" && "$T/$1_replay"
}
if printf '#include <string.h>\nint x;\n' | $CC -m32 -fsyntax-only -x c - 2>/dev/null; then
        bad='' n=0
        for f in $CORE_SRC; do
                # shellcheck disable=SC2086
                if $CC -m32 -O2 -Werror $CORE_FLAGS -c "$f" -o "$T/m32_${f//\//+}.o" 2>"$T/m32.err"; then n=$((n + 1)); else
                        bad="$bad $f: $(grep -m2 -E 'error|warning' "$T/m32.err")"
                fi
        done
        if [ -z "$bad" ]; then pass "core compiles with -m32: $n files"; else fail "core compiles with -m32" "$bad"; fi
        ar rcs "$T/m32.a" "$T"/m32_*.o
        for f in att http_head otadata romldr_client selftest slip wpa_msg; do
                check "fuzz/corpus/$f in a 32-bit program" runs32 "$f"
        done
else
        skip "core compiles with -m32" "$CC has no 32-bit headers here (Debian: gcc-multilib)"
fi

# 5. what strf is asked for, directly or through diag_set and its like, it knows: the compiler compares with printf
if command -v perl >/dev/null; then
        git ls-files -co --exclude-standard '*.c' | xargs perl -0777 -ne '
                while (/\b(?:strf(?:_v)?|diag_\w+|jdoc_put|say)\s*\(((?:"(?:\\.|[^"\\])*"|[^";])*)/g) {
                        my $args = $1;
                        for my $fmt ($args =~ /"((?:\\.|[^"\\])*)"/g) { # % at its end: PRIu64 and its like follow
                                (my $rest = $fmt) =~ s/%(?:%|[-0]*(?:\*|\d+)?(?:\.(?:\*|\d*))?(?:(?:hh|h|ll|l|z|t|j)?[scdiuxX]|$))//g;
                                print "$ARGV: $fmt\n" if $rest =~ /%/ and $ARGV !~ m{^flasher/|efuse_value};  # their say is stdio
                        }
                }' >"$T/formats"
        if [ -s "$T/formats" ]; then fail "strf knows every format" "$(cat "$T/formats")"; else pass "strf knows every format"; fi
else
        skip "strf knows every format" "no perl here"
fi

# 6. man pages: lint clean, every tool has one, every option of the tables is in it
if command -v mandoc >/dev/null; then
        for page in $MAN; do
                check "mandoc -T lint $page" sh -c "test -s $page && mandoc -T lint -W warning $page"
        done
else
        skip "man pages" "mandoc is not installed"
fi
for tool in $TOOLS; do
        page=man/$tool.1
        if [ ! -s "$page" ]; then
                fail "$tool has a man page" "$page is missing"
                continue
        fi
        missing=
        for opt in $("$BIN/$tool" --completion bash | grep "opts='" | grep -o -- "--[a-z][a-z0-9_-]*" | sort -u); do
                sed 's/\\-/-/g; s/\\&//g' "$page" | grep -qE -- "(Fl -|--)${opt#--}( |$|[^a-z0-9_-])" || missing="$missing $opt"
        done
        if [ -z "$missing" ]; then pass "$page names every option"; else fail "$page names every option" "missing:$missing"; fi
        check "$tool --help works" "$BIN/$tool" --help
        run sh -c "'$BIN/$tool' --help >/dev/full"
        expect "$tool --help >/dev/full is a failure" 5
        check "$tool completion is valid bash" bash -c "bash -n <('$BIN/$tool' --completion bash)"
done

# 7. nothing names a machine
if git grep -nIE '/w[o]rk/(main|shared)|/r[o]ot/|/tmp/b[a]sh_jobs' -- . >"$T/marks"; then
        fail "no path of a machine in the tree" "$(head -5 "$T/marks")"
else
        pass "no path of a machine in the tree"
fi
if command -v shellcheck >/dev/null; then
        check "shell scripts pass shellcheck" sh -c 'git ls-files -co --exclude-standard "*.sh" tests/run samples/cloud/up samples/cloud/down .ci/run | xargs shellcheck -S warning -x -e SC1091,SC2034,SC2154'
else
        skip "shellcheck" "not installed"
fi
finish
