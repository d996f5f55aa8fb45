# make install DESTDIR= PREFIX=; make uninstall; make dist.
MAN += man/fctry.7
VERSION := $(shell sed -n 's/.*FCTRY_VERSION "\(.*\)".*/\1/p' lib/host/version.h)
INSTALL ?= install
COMPLETION_DIR ?= $(PREFIX)/share/bash-completion/completions

.PHONY: install uninstall dist distcheck deb check-fresh
install: all
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(COMPLETION_DIR)
	$(if $(TOOL_BINS),$(INSTALL) -m 0755 $(TOOL_BINS) $(DESTDIR)$(PREFIX)/bin/)
	@set -e; for page in $(MAN); do \
		dir=$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}; \
		$(INSTALL) -d $$dir; $(INSTALL) -m 0644 $$page $$dir/; done
	@set -e; for tool in $(TOOLS); do \
		$(B)/bin/$$tool --completion bash > $(DESTDIR)$(COMPLETION_DIR)/$$tool; done

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%) $(TOOLS:%=$(DESTDIR)$(COMPLETION_DIR)/%)
	@for page in $(MAN); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done

dist:
	@mkdir -p dist
	git archive --prefix=fctry-tools-$(VERSION)/ -o dist/fctry-tools-$(VERSION).tar.gz HEAD

# The archive alone must build, install and pass its tests.
distcheck: dist
	rm -rf dist/check && mkdir -p dist/check
	tar -C dist/check -xzf dist/fctry-tools-$(VERSION).tar.gz
	$(MAKE) -C dist/check/fctry-tools-$(VERSION) check
	$(MAKE) -C dist/check/fctry-tools-$(VERSION) install PREFIX=/usr DESTDIR=$(abspath dist/check/root)
	rm -rf dist/check

# A Debian package of HEAD in dist/, which lintian has accepted.
deb:
	@sh mk/deb.sh $(VERSION)

# The README's two commands on an empty Debian 12, as root, as a user with sudo, and as one without.
check-fresh:
	@bash tests/fresh.sh

.PHONY: pictures
pictures: all
	@BIN=$(abspath $(B))/bin bash docs/pictures/make.sh
