/* Which of two versions is higher. */
#ifndef CORE_VERSION_H
#define CORE_VERSION_H

/*
 * Compares the numbers ("v1.10.2": a leading v does not count, missing parts are 0). With equal
 * numbers a suffix that begins with a digit behind its '-' (git describe: 1.2-3-gabc) is later
 * than the bare version, one that begins with a letter (1.2-rc1) earlier, as in semver; two
 * suffixes of the same kind compare by their numbers. Returns < 0, 0 or > 0. Text that is no
 * version counts as 0.
 */
int version_compare(const char *a, const char *b);

#endif
