# nvs, ptable, otadata: what lies on flash. Freestanding.
CORE_SRC += $(wildcard lib/fmt/*.c)
