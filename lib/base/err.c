#include "base/err.h"

static const struct {
        const char *text;
        enum exit_status status;
} errors[E_COUNT] = { [E_OK] = { "success", STATUS_DONE },
#define ERR_ROW(code, text, status) [code] = { text, status },
                      ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

const char *err_text(int err)
{
        if (err < 0)
                err = -err;
        if (err >= E_COUNT)
                return "unknown error";
        return errors[err].text;
}

enum exit_status err_status(int err)
{
        if (err >= 0)
                return STATUS_DONE;
        if (-err >= E_COUNT)
                return STATUS_STATION;
        return errors[-err].status;
}
