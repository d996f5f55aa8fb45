#!/usr/bin/env bash
# bash completion of every tool: what it offers is what the tool takes, and it takes what it offers.
. tests/lib.sh
tools=$(cd "$BIN" && echo *)
mkdir -p "$T/w/a folder" "$T/dev" && cd "$T/w" || exit 5
: >"a file.bin"
for tool in $tools; do
        "$tool" --completion bash >"$T/$tool.bash" || fail "$tool --completion bash"
        # shellcheck disable=SC1090
        . "$T/$tool.bash"
done
run sh -c "flasher --completion bash >/dev/full"
expect "a script that cannot be written is a failure" 5
run flasher --completion fish
expect "another shell" 2

# offer LINE: what is offered behind it, one a line; bash splits at blanks, '=' and ':'
offer() {
        local tool=${1%% *}
        mapfile -t COMP_WORDS < <(sed -E 's/([=:]+)/ \1 /g; s/ +/ /g; s/ $/\n/' <<<"$1" | sed '$!b; /^$/!b' | tr ' ' '\n')
        [[ $1 == *[=:] ]] && unset 'COMP_WORDS[-1]'
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
        "_$tool"
        [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
}
# offers LINE EXPECTED...: exactly these
offers() {
        local line=$1 got
        shift
        got=$(offer "$line" | sort)
        if [ "$got" = "$(printf '%s\n' "$@" | sort)" ]; then pass "$line: $*"; else fail "$line: $*" "offered:" "$got"; fi
}

# every tool, every command: the options of its help; every option with a list of words: these, in both spellings
for tool in $tools; do
        bad='' seen=0
        commands=$("$tool" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z0-9-]*\) .*/\1/p')
        if [ -n "$commands" ]; then
                got=$(offer "$tool " | grep -v '^a ' | sort)
                [ "$got" = "$(sort <<<"$commands")" ] || bad="commands: $got"
        fi
        for command in '' $commands; do
                # shellcheck disable=SC2086
                help=$("$tool" $command --help | grep -oE '^  (-., |    )--[a-z0-9_-]+' | grep -o -- '--.*' | sort -u)
                got=$(offer "$tool $command${command:+ }--" | sort -u)
                seen=$((seen + $(wc -w <<<"$help")))
                lost=$(comm -23 <(printf '%s\n' "$help") <(printf '%s\n' "$got"))
                [ -z "$lost" ] || bad="$bad $command: $lost"
                opts='' vals='' words=''
                "_${tool}_command" ''
                [ -z "$command" ] || "_${tool}_command" "$command"
                for val in $vals; do
                        [[ ${val#*:} == [FDPN]* || $vals == *" ${val%%:*}:"*" $val"* ]] && continue # the command's own comes first
                        for how in ' ' '='; do
                                [[ $how == = && $val != --* ]] && continue
                                got=$(offer "$tool $command${command:+ }${val%%:*}$how" | tr '\n' '|')
                                [ "$got" = "${val#*:}|" ] || bad="$bad $command ${val%%:*}$how: $got"
                        done
                done
        done
        if [ -z "$bad" ] && [ "$seen" -gt 5 ]; then pass "$tool: $seen options, their words"; else fail "$tool" "$bad ($seen options)"; fi
done

# values: files, folders, ports, words, numbers; in the next word and behind '='
offers "nvsgen --outdir " "a folder"
offers "nvsgen dump --key a" "a folder" "a file.bin"

offers "nvsgen dump a" "a folder" "a file.bin"
offers "flasher write app=a" "a folder" "a file.bin"
offers "flasher line --count "
offers "flasher ledger --format " csv json
offers "flasher ledger --format=j" json
offers "flasher merge-bin -f " raw hex uf2
offers "certgen register " aws azure mosquitto rainmaker
offers "certgen revoke --reason key" key-compromise

offers "provcli --transport " softap http ble console
offers "provcli status --join-with " nm wpa
offers "vboard --reset-circuit " classic usb-jtag
offers "vboard ct" ctl
offers "vboard --flash a" "a folder" "a file.bin"
offers "flasher ota " status switch erase
offers "flasher ota switch a" "a folder" "a file.bin"

# options before the command, with values that are no commands
offers "flasher -p /dev/ttyUSB0 moni" monitor
offers "flasher --chip esp32c3 --port=/dev/x moni" monitor
offers "flasher -p rfc2217://127.0.0.1:4000 -b 921600 moni" monitor
offers "flasher --connect-attempts 3 ledger sh" show
offers "flasher write_flash --flash_mode q" qio qout
offers "nvsgen in.csv a" "a folder" "a file.bin"

# ports: those that are there, or any file
compgen() {
        local args=("$@") i
        for i in "${!args[@]}"; do args[i]=${args[i]/#\/dev\/tty/$T\/dev\/tty}; done
        builtin compgen "${args[@]}"
}
offers "flasher -p $T/w/" "$T/w/a folder" "$T/w/a file.bin"
: >"$T/dev/ttyUSB0"
: >"$T/dev/ttyACM1"
offers "flasher -p " "$T/dev/ttyUSB0" "$T/dev/ttyACM1"
offers "flasher line --slot left=" "$T/dev/ttyUSB0" "$T/dev/ttyACM1"
offers "provcli console --port $T/dev/ttyA" "$T/dev/ttyACM1"
unset -f compgen

# what is offered is taken: chips, and the words behind a command
run flasher merge-bin -o x.bin 0 "a file.bin"
want=$(sed -n 's/.*--chip \(esp8266.*esp32[a-z0-9]*\) .*/\1/p' "$T/stderr" | tr -d ,)
# shellcheck disable=SC2086
offers "flasher --chip " auto $want
taken() { # LINE: each of what is offered is no unknown word to the tool
        local word bad='' n=0
        for word in $(offer "$1"); do
                n=$((n + 1))
                # shellcheck disable=SC2086
                run $1 "$word"
                if [ "$status" -gt 5 ] || grep -qE "'$word' is (none|no)|unknown|$word\?" "$T/stderr"; then bad="$bad $word: $(cat "$T/stderr")"; fi
        done
        if [ -z "$bad" ] && [ $n -gt 2 ]; then pass "$1: $n words are taken"; else fail "$1: words are taken" "$n words" "$bad"; fi
}
taken "flasher ledger "
taken "flasher --chip esp32c3 efuse --virt fuses --dry-run "
run flasher --chip esp32c3 efuse --virt fuses --dry-run nonsense
check "one that is not would be seen" grep -qE "'nonsense' is (none|no)|unknown|nonsense\?" "$T/stderr"

# a real one: the tabulator
if command -v script >/dev/null; then
        cat "$T"/*.bash >"$T/rc"
        echo "PS1='> ' PATH='$PATH'; bind 'set enable-bracketed-paste off'" >>"$T/rc"
        printf 'flasher -p /dev/null vers\t\nnvsgen dump --key a\\ fi\t; echo "<$?>"\nexit\n' |
                TERM=dumb timeout 60 script -qec "bash --noprofile --rcfile '$T/rc' -i" "$T/typescript" >"$T/seen" 2>&1
        check "bash completes a command" grep -q "flasher -p /dev/null version" "$T/seen"
        check "and a file whose name has a blank" grep -q 'a\\ file.bin' "$T/seen"
else
        skip "bash completes" "no script(1)"
fi
cd "$TOP" || exit 5
finish
