# shellcheck shell=bash
# nvsgen batch against every case of mfg_gen.py: the same names and bytes, or one clear line and nothing written.
. tests/lib.sh

# Files of ours that mfg_gen.py does not make, and side files of its that we do not leave.
ours='-manifest\.(csv|json)$'
theirs='(^|/)[^/]*_tmp(_created)?\.(csv|txt)$'

# Where we are kinder: the case, and why that is right. What comes out is checked below.
kinder() {
        case $1 in
        036-*) echo "i16 is an encoding like the others; mfg_gen.py forgot it in its list" ;;
        040-*) echo "columns have names; their order says nothing" ;;
        062-*) echo "what a configuration is called does not matter" ;;
        067-* | 068-*) echo "lines that begin with # are comments, as in single configurations" ;;
        070-*) echo "a key may be called namespace; the type says what a row is" ;;
        051-*) echo "the file id is the value of its column, whatever other cells say" ;;
        071-*) echo "a cell that reads like a key's name is a value" ;;
        *) return 1 ;;
        esac
}

# prepare CASE: a copy of its inputs in $T/w, its arguments in $args
prepare() {
        rm -rf "$T/w"
        mkdir "$T/w"
        [ ! -d "$1/in" ] || cp -r "$1/in/." "$T/w/"
        args=$(sed -n 's/^(cd in && python3 mfg_gen\.py \(.*\))  *#.*$/\1/p' "$1/cmd")
}

tree() { (cd "$1" && find . -type f | sed 's,^\./,,' | grep -Ev -e "$ours" | grep -Ev -e "$theirs" | sort); }

# What the run made or changed, compared with expected/: names and bytes.
compare() {
        local case=$1 f bad=
        [ -d "$case/in" ] && tree "$case/in" >"$T/inputs" || : >"$T/inputs"
        tree "$case/expected" >"$T/want"
        [ -s "$T/want" ] || { echo "nothing is expected"; return 1; }
        tree "$T/w" | grep -Fxv -f "$T/inputs" >"$T/got"
        cmp -s "$T/want" "$T/got" || { diff "$T/want" "$T/got"; return 1; }
        while IFS= read -r f; do
                case $f:$2 in
                bin/*:nondeterministic | keys/*:nondeterministic)
                        [ "$(stat -c %s "$case/expected/$f")" = "$(stat -c %s "$T/w/$f")" ] || bad="$bad $f(size)" ;;
                *) cmp -s "$case/expected/$f" "$T/w/$f" || bad="$bad $f" ;;
                esac
        done <"$T/want"
        [ -z "$bad" ] || { echo "differ:$bad"; return 1; }
}

run_case() {
        local case=$1 kind=$2 name before reason
        name=$(basename "$case")
        prepare "$case"
        before=$(cd "$T/w" && find . -type f -exec sha256sum {} + | sort; cd "$T/w" && find . -type d | sort)
        run bash -c "cd '$T/w' && exec nvsgen batch $args"
        if reason=$(kinder "$name"); then
                expect "$name: $reason" 0
                return
        fi
        case $kind in
        ok | nondeterministic)
                if [ "$status" -ne 0 ]; then
                        fail "$name" "status $status" "$(cat "$T/stderr")"
                elif [ -z "$(cat "$case/expected"/bin/* 2>/dev/null | head -c 1)" ] && [ -z "$(ls "$case/expected")" ]; then
                        fail "$name" "nothing is expected"
                else
                        check "$name" compare "$case" "$kind"
                fi
                # again: nothing changes (the keys neither)
                before=$(cd "$T/w" && find . -type f -exec sha256sum {} + | sort)
                run bash -c "cd '$T/w' && exec nvsgen batch $args"
                if [ "$kind" = ok ] || [ "${name#*keygen}" != "$name" ]; then
                        expect "$name again" 0
                        [ "$before" = "$(cd "$T/w" && find . -type f -exec sha256sum {} + | sort)" ] ||
                                fail "$name again" "files changed"
                fi
                ;;
        *)
                if [ "$status" -ne 1 ] && { [ "$status" -ne 2 ] || [ "$name" != 058-err-size-junk ]; }; then
                        fail "$name" "status $status" "$(cat "$T/stderr")"
                elif [ "$before" != "$(cd "$T/w" && find . -type f -exec sha256sum {} + | sort; cd "$T/w" && find . -type d | sort)" ]; then
                        fail "$name" "something was written" "$(cd "$T/w" && find .)"
                elif [ ! -s "$T/stderr" ]; then
                        fail "$name" "no word of it"
                else
                        pass "$name ($(head -n 1 "$T/stderr"))"
                fi
                ;;
        esac
}

golden=tests/golden
count=0
while IFS=$'\t' read -r dir kind _; do
        case $dir in mfg/*) ;; *) continue ;; esac
        run_case "$golden/$dir" "$kind"
        count=$((count + 1))
done <$golden/MANIFEST.tsv
[ "$count" -ge 45 ] || fail "the cases" "only $count found"

# the kinder ones make what a plain configuration of the same values makes
plain() { # CASE IMAGE CSV-TEXT
        prepare "$golden/mfg/$1"
        (cd "$T/w" && eval "nvsgen batch $args" && printf "$3" >plain.csv && nvsgen -q plain.csv plain.bin 0x3000) >/dev/null 2>&1
        same "$1: bytes" "$T/w/plain.bin" "$T/w/bin/$2"
}
h='key,type,encoding,value\n'
d="${h}dev,namespace,,\nserial_no,data,string"
plain 036-err-i16-refused Fan-1.bin "${h}n,namespace,,\na,data,i16,-5\n"
plain 040-err-column-order Fan-1.bin "${h}n,namespace,,\na,data,u8,6\nb,data,u8,5\n"
plain 051-err-fileid-equals-other-value Fan-77.bin "$d,id\nid,data,u32,77\nflag,data,i8,1\n"
plain 062-err-conf-ext Fan-2.bin "$d,SN002\nid,data,u32,1002\nflag,data,i8,0\n"
plain 067-err-comment-in-config Fan-3.bin "$d,SN003\nid,data,u32,1003\nflag,data,i8,1\n"
plain 068-err-comment-in-values Fan-1.bin "$d,SN001\nid,data,u32,1001\nflag,data,i8,-1\n"
plain 070-err-key-named-namespace Fan-1.bin "${h}n,namespace,,\nnamespace,data,u8,5\n"
plain 071-err-meta-value-equals-key Fan-1.bin "${h}n,namespace,,\na,data,string,real\n"

# the cases with other projects' inputs stay where they are
for name in 030-idf-sample-singlepage_blob 031-idf-sample-multipage_blob 033-idf-sample-blank-lines; do
        if [ -d "$SHARED/golden/mfg/$name" ]; then run_case "$SHARED/golden/mfg/$name" ok
        else skip "$name" "../shared/golden is not here"; fi
done

# with --keygen each image opens with its own key and holds the plain values
prepare "$golden/mfg/024-keygen"
(cd "$T/w" && eval "nvsgen batch $args") >/dev/null
for n in 1 2 3; do
        run nvsgen decrypt "$T/w/bin/Fan-$n.bin" "$T/w/keys/keys-Fan-$n.bin" "$T/w/plain-$n.bin"
        same "024-keygen: image $n opens with key $n" "$T/w/plain-$n.bin" "$golden/mfg/001-basic/expected/bin/Fan-$n.bin"
done
run nvsgen decrypt "$T/w/bin/Fan-1.bin" "$T/w/keys/keys-Fan-2.bin" "$T/w/wrong.bin"
expect "024-keygen: image 1 does not open with key 2" 1
[ "$(cat "$T"/w/keys/* | sha256sum)" != "$(cat "$T"/w/keys/keys-Fan-1.bin "$T"/w/keys/keys-Fan-1.bin "$T"/w/keys/keys-Fan-1.bin | sha256sum)" ] &&
        pass "024-keygen: keys differ" || fail "024-keygen: keys differ"
finish
