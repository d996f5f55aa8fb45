# The local cloud's shadow service. Its document machine is an archive of its own, for tests and fuzzing.
CLOUD_SRC   := samples/cloud/shadowd/document.c samples/cloud/shadowd/jtree.c
TOOLS       += shadowd
shadowd_SRC := $(wildcard samples/cloud/shadowd/*.c) firmware/core/jdoc.c
shadowd_PC  := libmosquitto libmicrohttpd gnutls
MAN         += man/shadowd.1
