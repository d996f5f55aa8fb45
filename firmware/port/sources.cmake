# What every device build compiles of this repository, file by file: the outlet's core and what it
# needs of the libraries. tests/cli/device_build.sh holds it against the Makefile. The driver, the one
# file that is the product, is named beside it: FCTRY_DRIVER.
set(FCTRY_SOURCES
  firmware/core/backoff.c
  firmware/core/button.c
  firmware/core/cloud.c
  firmware/core/console.c
  firmware/core/esptopics.c
  firmware/core/http_head.c
  firmware/core/identity.c
  firmware/core/imgstream.c
  firmware/core/jdoc.c
  firmware/core/net.c
  firmware/core/ota.c
  firmware/core/outlet.c
  firmware/core/panel.c
  firmware/core/poweron.c
  firmware/core/say.c
  firmware/core/shadow.c
  firmware/core/version.c
  lib/base/bytes.c
  lib/base/crc32.c
  lib/base/diag.c
  lib/base/err.c
  lib/base/hex.c
  lib/base/strf.c
  lib/base/utf8.c
  lib/fmt/espimg.c
  lib/wire/selftest.c)
set(FCTRY_DRIVER firmware/core/driver.c)
