# Compilation: one template for all objects, one for all tools. V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $1 $(2:$(B)/%=%))
pc_cflags = $(if $(strip $1),$(shell $(PKG_CONFIG) --cflags $1 2>/dev/null))
pc_libs   = $(if $(strip $1),$(shell $(PKG_CONFIG) --libs $1 2>/dev/null))

# The core calls crypt.h, whose source is in the host archive, which calls the core.
group = -Wl,--start-group $1 -Wl,--end-group

CORE_OBJ := $(CORE_SRC:%.c=$(B)/%.o)
OUTLET_OBJ := $(OUTLET_SRC:%.c=$(B)/%.o)
HOST_OBJ := $(HOST_SRC:%.c=$(B)/%.o)
SIM_OBJ  := $(SIM_SRC:%.c=$(B)/%.o)
CLOUD_OBJ := $(CLOUD_SRC:%.c=$(B)/%.o)
PROTO_C  := $(PROTO:lib/wire/%.proto=$(B)/gen/%.pb-c.c)
HOST_OBJ += $(PROTO_C:.c=.o)
CORE_LIB := $(B)/libfctry-core.a
OUTLET_LIB := $(B)/libfctry-outlet.a
HOST_LIB := $(B)/libfctry-host.a
SIM_LIB  := $(B)/libfctry-sim.a
CLOUD_LIB := $(B)/libfctry-cloud.a
FAKE_LIB := $(B)/libfctry-fake.a
TOOL_BINS := $(TOOLS:%=$(B)/bin/%)

# Objects are made again when the flags change.
FLAGS_STAMP := $(B)/.flags
FLAGS_TEXT   = $(CC) $(ALL_CFLAGS) $(HOST_CFLAGS) $(CORE_CFLAGS) $(ALL_LDFLAGS)
.PHONY: force
$(FLAGS_STAMP): force
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS_TEXT)' | cmp -s - $@ || \
		{ sh mk/deps.sh --hint; printf '%s\n' '$(FLAGS_TEXT)' > $@; }

.PRECIOUS: $(B)/%.o

$(CORE_OBJ) $(OUTLET_OBJ): OBJ_CFLAGS = $(CORE_CFLAGS)
$(HOST_OBJ) $(SIM_OBJ): OBJ_CFLAGS = $(HOST_CFLAGS)
OBJ_CFLAGS = $(HOST_CFLAGS)

$(B)/%.o: %.c $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(OBJ_CFLAGS) -MMD -MP -c $< -o $@

# Messages: our .proto files, protobuf-c's code. What includes them is compiled after them.
.PRECIOUS: $(B)/gen/%.pb-c.c
$(B)/gen/%.pb-c.c: lib/wire/%.proto
	@mkdir -p $(@D)
	$(call say,PROTO,$<)
	$(Q)protoc-c --c_out=$(@D) -I$(<D) $(<F)
$(B)/gen/%.o: $(B)/gen/%.c $(FLAGS_STAMP)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(HOST_CFLAGS) -w -c $< -o $@
$(filter $(B)/lib/wire/prov_%.o,$(HOST_OBJ)): OBJ_CFLAGS = $(HOST_CFLAGS) -I$(B)/gen
$(filter $(B)/lib/wire/prov_%.o,$(HOST_OBJ)): | $(PROTO_C)

$(CORE_LIB): $(CORE_OBJ)
$(OUTLET_LIB): $(OUTLET_OBJ)
$(HOST_LIB): $(HOST_OBJ)
$(SIM_LIB): $(SIM_OBJ)
$(CLOUD_LIB): $(CLOUD_OBJ)
$(CORE_LIB) $(OUTLET_LIB) $(HOST_LIB) $(SIM_LIB) $(CLOUD_LIB):
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $^

# $1: tool. Objects before libraries, libraries before the -l flags.
define tool_template
$1_OBJ := $$($1_SRC:%.c=$$(B)/%.o)
$$(B)/bin/$1: $$($1_OBJ) $$(if $$($1_SIM),$$(SIM_LIB)) $$(HOST_LIB) $$(CORE_LIB)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -pthread -o $$@ $$(call group,$$^) $$($1_LIBS) $$(call pc_libs,$$($1_PC) $$(BASE_PC)) $$(BASE_LIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_template,$t)))

ALL_OBJ = $(CORE_OBJ) $(OUTLET_OBJ) $(HOST_OBJ) $(SIM_OBJ) $(foreach t,$(TOOLS),$($(t)_SRC:%.c=$(B)/%.o))
-include $(ALL_OBJ:.o=.d)

# The page of the line, as a string of C.
$(B)/gen/line_page.h: lib/line/line_page.html
	@mkdir -p $(@D)
	$(call say,PAGE,$<)
	$(Q)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $< > $@
$(B)/lib/line/line_http.o: OBJ_CFLAGS = $(HOST_CFLAGS) -I$(B)/gen
$(B)/lib/line/line_http.o: $(B)/gen/line_page.h
