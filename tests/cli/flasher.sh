#!/usr/bin/env bash
# flasher's command line where no board is needed.
. tests/lib.sh
G=tests/golden/image
img=$G/116-info-bootloader-desc/in/img.bin

# usage
run flasher
expect "no command" 2 'which command'
run flasher wipe-all
expect "unknown command" 2 'unknown command'
run flasher write-flash 0x1000
expect "an address without a file" 2 'come in pairs'
run flasher write-flash 0x1000 "$img" 0x2000
expect "an odd number of arguments" 2 'in pairs'
run flasher write-flash 4k "$img" five "$img"
expect "not an address" 2 "'five' is not a number"
run flasher --chip esp99 chip-id
expect "unknown chip" 2 'none of esp8266, esp32'
run flasher --before somehow -p /dev/null chip-id
expect "--before" 2 'not known'
run flasher --after somehow -p /dev/null chip-id
expect "--after, before anything is done" 2 'not known'
run flasher write-flash-status 0x10000 -p /dev/null
expect "a status value of more bytes than are written" 2 'more than 2 bytes'
run flasher write-flash-status --bytes 3 0xffffff -p /dev/null
expect "three bytes are taken" 1 'not a serial port'
run flasher erase-region 0x1001 0x1000 -p /dev/null
expect "a region that is no sectors" 2 'multiples of 4096'
run flasher read-mem 0 -p /dev/null
expect "address 0 hangs the ROM" 2 'not a register'
run flasher ota boot
expect "ota what?" 2 'none of status, switch, erase'
run flasher ota switch
expect "ota switch where?" 2 'needs a slot'
run flasher write app
expect "not LABEL=FILE" 2 'LABEL=FILE'
run flasher write-flash 0x1000 "$T/none"
expect "a file that is not there" 1 'none'
run flasher -p "$T/none" write-flash 0x1000 /dev/null
expect "an empty file is no image" 1 '/dev/null: is empty'
run flasher -p "$T/none" write app=/dev/null
expect "nor by label" 1 '/dev/null: is empty'
run flasher -p /dev/null chip-id
expect "/dev/null is no port" 1 'not a serial port'
run flasher -p "" chip-id
expect "a port without a name" 2 'empty name'
run flasher --chip esp32c3 merge-bin -o "$T/m" --flash-mode fast 0x10000 "$img"
expect "a flash mode that is none, and no bootloader" 2 "'fast' is none of"
run flasher -p "$T/none" chip-id
expect "no such port" 3 'plug the board in'

# both spellings, abbreviations of old scripts
for word in image-info image_info; do
        run flasher "$word" "$img"
        expect "$word" 0 'Image of: *ESP32-C3'
done
run flasher version
expect "version" 0 '^[0-9]+\.[0-9]+'
run flasher merge_bin --chip esp32c3 -o "$T/a" -fm dio -ff 80m -fs 4MB 0 "$img"
expect "-fm -ff -fs" 0
run flasher --chip esp32c3 merge-bin --output "$T/b" --flash-mode dio --flash_freq 80m --flash-size 4MB 0 "$img"
expect "long names" 0
same "mean the same" "$T/a" "$T/b"
printf '# settings\n--chip esp32c3 merge-bin\n-o "%s" -fm dio --flash-freq 80m --flash-size 4MB\n0x0 %s\n' "$T/c d" "$img" >"$T/args"
run flasher "@$T/args"
expect "@file with comments and quotes" 0
same "means the same too" "$T/a" "$T/c d"
run flasher "@$T/none"
expect "@file that is not there" 1
echo '{"flash_files": 3}' >"$T/flasher_args.json"
run flasher write-flash "$T/flasher_args.json"
expect "a flasher_args.json that is none" 1 'flash_files'

# images
run flasher --json image-info "$img"
expect "image-info as JSON" 0 '^\{"v":1,"event":"image".*"hash_valid":true\}$'
cp "$img" "$T/bad" && printf x | dd of="$T/bad" bs=1 seek=100 conv=notrunc 2>/dev/null
run flasher image-info "$T/bad"
expect "a damaged image" 1 'checksum is'
run flasher --chip esp32c3 merge-bin -o "$T/m" 0 "$T/bad" -fm dio
expect "is not made to look sound" 1 'damaged'
run flasher --chip esp32c3 merge-bin -o "$T/m" 0 "$img" 0x50 "$img"
expect "overlap" 1 'share a sector'
run flasher --chip esp32c3 merge-bin -f elf -o "$T/m" 0 "$img"
expect "unknown format" 2 'raw, hex, uf2'
run flasher --chip esp32c3 merge-bin -o "$T/app/m" 0 "$img"
expect "a folder that is not there" 1
run flasher --chip esp32c3 merge-bin -o /dev/full 0 "$img"
expect "a full disk" 5
run flasher --chip esp32c3 merge-bin -f hex -o "$T/m.hex" 0x10000 "$img"
run flasher --chip esp32c3 merge-bin -o "$T/m.bin" -t 0x10000 0 "$T/m.hex"
expect "hex in, raw out" 0
same "the bytes come back" "$T/m.bin" "$img"
run flasher --chip esp32c3 merge-bin -o "$T/m.bin" 0x20000 "$T/m.hex"
expect "hex that lies before the address" 1 'data at 0x10000, before the address 0x20000'
sed 's/^:10001000./:100010001/' "$T/m.hex" >"$T/bad.hex"
run flasher --chip esp32c3 merge-bin -o "$T/m.bin" 0 "$T/bad.hex"
expect "a damaged hex file" 1 'bad.hex:3: .*checksum'
head -n 3 "$T/m.hex" >"$T/cut.hex"
run flasher --chip esp32c3 merge-bin -o "$T/m.bin" 0 "$T/cut.hex"
expect "a hex file that is cut short" 1 'end record is missing'
run flasher elf2image "$G/001-c3-ram-only/in/app.elf"
expect "elf2image needs a chip" 2 'which chip'
elf=$G/001-c3-ram-only/in/app.elf
bad=
for ((n = 0; n < $(stat -c %s "$elf"); n += 61)); do
        head -c "$n" "$elf" >"$T/cut.elf"
        run flasher --chip esp32c3 elf2image -o "$T/o" "$T/cut.elf"
        [ "$status" -eq 1 ] || bad="$bad $n:$status"
done
if [ -z "$bad" ]; then pass "an ELF file that is cut anywhere is refused"; else fail "an ELF file that is cut anywhere is refused" "$bad"; fi
run sh -c "flasher ports >/dev/full; flasher --json image-info $img >/dev/full"
expect "lost output is a failure" 5
finish
