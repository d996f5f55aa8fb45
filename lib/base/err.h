/* Error codes shared by every library and tool: 0 or a count is success, -E_XXX is failure. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * One list gives the enum and the sentence. The third column is the class that a
 * command line turns into its exit status (STATUS_* below).
 */
#define ERR_LIST(X)                                                     \
        X(E_INVAL, "invalid argument", STATUS_DATA)                     \
        X(E_USAGE, "wrong usage", STATUS_USAGE)                         \
        X(E_RANGE, "value out of range", STATUS_DATA)                   \
        X(E_SYNTAX, "cannot be read as what it should be", STATUS_DATA) \
        X(E_FORMAT, "not in the expected format", STATUS_DATA)          \
        X(E_TRUNC, "cut short", STATUS_DATA)                            \
        X(E_CRC, "checksum does not match", STATUS_DATA)                \
        X(E_NOSPACE, "does not fit", STATUS_DATA)                       \
        X(E_NOTFOUND, "not found", STATUS_DATA)                         \
        X(E_EXISTS, "exists already", STATUS_DATA)                      \
        X(E_TYPE, "has another type", STATUS_DATA)                      \
        X(E_KEY, "wrong or damaged key", STATUS_DATA)                   \
        X(E_UNSUPPORTED, "not supported", STATUS_DATA)                  \
        X(E_STATE, "not possible in this state", STATUS_DATA)           \
        X(E_TIMEOUT, "no answer in time", STATUS_LINK)                  \
        X(E_LINK, "link lost", STATUS_LINK)                             \
        X(E_PROTO, "answer not understood", STATUS_LINK)                \
        X(E_REFUSED, "refused by the device", STATUS_DEVICE)            \
        X(E_VERIFY, "verification failed", STATUS_DEVICE)               \
        X(E_IO, "input or output failed", STATUS_STATION)               \
        X(E_NOMEM, "out of memory", STATUS_STATION)                     \
        X(E_BUSY, "in use by another program", STATUS_STATION)          \
        X(E_PERM, "permission denied", STATUS_STATION)                  \
        X(E_RANDOM, "no random numbers to be had", STATUS_STATION)      \
        X(E_CANCELLED, "interrupted", STATUS_STATION)                   \
        X(E_BUG, "internal error", STATUS_STATION)

#define ERR_ENUM(code, text, status) code,
enum err_code { E_OK = 0, ERR_LIST(ERR_ENUM) E_COUNT };
#undef ERR_ENUM

/* Exit statuses, the same in all tools. */
enum exit_status {
        STATUS_DONE = 0,
        STATUS_DATA = 1,    /* input or data invalid: the job is bad, stop */
        STATUS_USAGE = 2,   /* wrong usage */
        STATUS_LINK = 3,    /* device silent or link lost: next unit */
        STATUS_DEVICE = 4,  /* device refused, or a verification failed: next unit */
        STATUS_STATION = 5, /* disk, permission, lost output: call someone */
};

/* The sentence of an error; err may be negative (as returned) or positive. Never NULL. */
const char *err_text(int err);

/* The exit status of an error; 0 and counts give STATUS_DONE. */
enum exit_status err_status(int err);

#endif
