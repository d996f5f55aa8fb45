#!/usr/bin/env bash
# The firmware for chips, as far as it can be held without their SDK: its list of sources is complete
# and has nothing over, the chips' compilers take them, no function uses more stack than a task has
# to spare, the partition tables are good. Sizes are printed.
. tests/lib.sh
: "${MAKE:=make}"
eval "$($MAKE -s --no-print-directory lint-facts)"
eval "$($MAKE -s --no-print-directory device-facts)"
STACK=1024      # bytes of one function on a chip: main's task has 8192, and the deepest path is six of ours
STACK_ALL=4096  # of the freestanding code that only programs on a host call

# every file of the core, and of the libraries only what is in the Makefile's freestanding lists
bad=
for f in $DEVICE_SRC; do
        case " $CORE_SRC " in *" $f "*) ;; *) bad="$bad $f is not freestanding;" ;; esac
done
for f in firmware/core/*.c; do
        case " $DEVICE_SRC " in *" $f "*) ;; *) bad="$bad $f is not in sources.cmake;" ;; esac
done
if [ -z "$bad" ]; then pass "sources.cmake agrees with the Makefile"; else fail "sources.cmake agrees with the Makefile" "$bad"; fi

# the IDF project names its own files: all of them
named=$(tr ' ' '\n' <firmware/port/esp-idf/main/CMakeLists.txt | tr -d '()' | grep -E '^[a-z_0-9]+\.c$' | sort)
there=$(cd firmware/port/esp-idf/main && ls ./*.c | sed 's,^./,,' | sort)
if [ "$named" = "$there" ]; then pass "main's CMakeLists.txt names its files"; else
        fail "main's CMakeLists.txt names its files" "named: $named" "there: $there"
fi

# the ESP8266's has each of them, or one of its own in its place
eval "set -- $(sed -n 's/^foreach(f \([a-z ]*\))/\1/p' firmware/port/esp8266/main/CMakeLists.txt)"
got=$({ printf '%s.c\n' "$@"; (cd firmware/port/esp8266/main && ls ./*.c | sed 's,^./,,'); } | sort)
if [ "$got" = "$there" ]; then pass "the ESP8266's main has the same files"; else
        fail "the ESP8266's main has the same files" "it has: $got" "there are: $there"
fi

symbols() { # U|D archive-or-objects…
        local kind=$1
        shift
        nm "$@" 2>/dev/null | awk -v k="$kind" 'NF < 2 { next } $(NF-1) ~ /^[TDBRVWC]$/ && k == "D" { print $NF } $(NF-1) == "U" && k == "U" { print $NF }' | sort -u
}

shallow() { # what most su-file…: no function uses more than most bytes of stack, and each a fixed number
        local what=$1 most=$2
        shift 2
        cat "$@" >"$T/stack"
        sort -t "$(printf '\t')" -k2 -rn "$T/stack" | awk -v w="$what" 'NR == 1 { print "# " w ": most stack in " $1 ": " $2 }'
        awk -v most="$most" '$2 > most || $3 != "static"' "$T/stack" >"$T/deep"
        if [ -s "$T/stack" ] && [ ! -s "$T/deep" ]; then pass "$what: no function uses more than $most bytes of stack"; else
                fail "$what: no function uses more than $most bytes of stack" "$(cat "$T/deep")"
        fi
}

if command -v "$RV32_CC" >/dev/null && echo '#include <string.h>' | "$RV32_CC" --specs=picolibc.specs -march=rv32imc -mabi=ilp32 -fsyntax-only -x c - 2>/dev/null; then
        check "all of the freestanding code compiles for rv32imc" "$MAKE" -s --no-print-directory O="$O" device-rv32
        set --
        for f in $DEVICE_SRC; do set -- "$@" "$O/rv32/${f%.c}.o"; done
        size -t "$@" | awk 'END { print "# rv32imc, what goes onto a chip: text " $1 " data " $2 " bss " $3 }'
        symbols U "$@" >"$T/needs"
        symbols D "$@" >"$T/has"
        comm -23 "$T/needs" "$T/has" |
                grep -vE '^(mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|nlen|chr)|crypt_[a-z0-9_]+|port_[a-z0-9_]+|__[a-z0-9]+)$' >"$T/missing"
        if [ -s "$T/has" ] && [ ! -s "$T/missing" ]; then pass "sources.cmake is complete"; else fail "sources.cmake is complete" "$(cat "$T/missing")"; fi
        over=
        for f in $DEVICE_SRC; do
                case $f in firmware/core/*) continue ;; esac
                symbols D "$O/rv32/${f%.c}.o" >"$T/own"
                rest=
                for g in $DEVICE_SRC; do [ "$g" = "$f" ] || rest="$rest $O/rv32/${g%.c}.o"; done
                # shellcheck disable=SC2086
                symbols U $rest | comm -12 - "$T/own" | grep -q . || over="$over $f"
        done
        if [ -z "$over" ]; then pass "sources.cmake has nothing over"; else fail "sources.cmake has nothing over" "$over"; fi
        shallow "rv32imc, on a chip" "$STACK" "${@/%.o/.su}"
        shallow "rv32imc, all" "$STACK_ALL" "$O"/rv32/*/*/*.su
else
        skip "rv32imc" "no $RV32_CC with picolibc (Debian: gcc-riscv64-unknown-elf, picolibc-riscv64-unknown-elf)"
fi

if command -v "$LX106_CC" >/dev/null && [ -d /usr/lib/picolibc ]; then
        check "core and libraries compile for the ESP8266" "$MAKE" -s --no-print-directory O="$O" device-lx106
        size -t "$O"/lx106/*/*/*.o | awk 'END { print "# lx106: text " $1 " data " $2 " bss " $3 }'
        shallow "lx106" "$STACK" "$O"/lx106/*/*/*.su
else
        skip "ESP8266" "no $LX106_CC (Debian: gcc-xtensa-lx106)"
fi

# partition tables: made, read back, judged, and fctry where the line writes it
table() { # size fctry csv flags
        local size=$1 fctry=$2 csv=$3
        check "${csv##*/} becomes a table" partgen --quiet --flash-size "$size" "$csv" "$T/table.bin"
        run partgen "$T/table.bin"
        expect "${csv##*/} has fctry at $fctry" 0 "^fctry,data,nvs,$fctry,24K,$4"
        check "${csv##*/} breaks no rule" partgen lint --flash-size "$size" "$csv"
}
idf=firmware/port/esp-idf/partitions
table 2MB 0x1d5000 $idf/partitions-2mb.csv readonly
table 4MB 0x340000 $idf/partitions-4mb.csv readonly
table 4MB 0x340000 $idf/partitions-4mb-secure.csv readonly
table 8MB 0x620000 $idf/partitions-8mb.csv readonly
table 8MB 0x620000 $idf/partitions-8mb-secure.csv readonly
table 2MB 0x1d5000 firmware/port/esp8266/partitions.csv ""

# the samples of the virtual board are of these tables
for pair in outlet/partitions.csv:4mb outlet/secure/partitions.csv:4mb-secure; do
        partgen --quiet "samples/${pair%:*}" "$T/sample.bin"
        partgen --quiet "$idf/partitions-${pair#*:}.csv" "$T/ours.bin"
        same "samples/${pair%:*} is the table ${pair#*:}" "$T/sample.bin" "$T/ours.bin"
done

# every table that a configuration names is there
bad=
for t in $(sed -n 's/^CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="\(.*\)"/\1/p' firmware/port/esp-idf/sdkconfig.*); do
        [ -f "firmware/port/esp-idf/$t" ] || bad="$bad $t"
done
if [ -z "$bad" ]; then pass "the tables of the configurations are there"; else fail "the tables of the configurations are there" "$bad"; fi
finish
