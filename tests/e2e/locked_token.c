/*
 * A PKCS#11 module with one token whose PIN is locked: SoftHSM never locks one, so the refusal
 * needs a token of its own. Built by softhsm.sh.
 */
#include <string.h>

#include <p11-kit/pkcs11.h>

static CK_RV done(void *args)
{
        (void)args;
        return CKR_OK;
}

static CK_RV get_info(CK_INFO *info)
{
        memset(info, ' ', sizeof *info);
        info->cryptokiVersion = (CK_VERSION){ 2, 40 };
        info->flags = 0;
        info->libraryVersion = (CK_VERSION){ 1, 0 };
        return CKR_OK;
}

static CK_RV slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
        (void)present;
        if (slots)
                slots[0] = 0;
        *n = 1;
        return CKR_OK;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
        (void)slot;
        memset(info, 0, sizeof *info);
        memset(info->label, ' ', sizeof info->label);
        memset(info->manufacturerID, ' ', sizeof info->manufacturerID);
        memset(info->model, ' ', sizeof info->model);
        memset(info->serialNumber, ' ', sizeof info->serialNumber);
        memcpy(info->label, "locked", 6);
        info->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED |
                      CKF_USER_PIN_LOCKED;
        return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *session)
{
        (void)slot;
        (void)flags;
        (void)app;
        (void)notify;
        *session = 1;
        return CKR_OK;
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
        (void)session;
        return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
        (void)session;
        (void)user;
        (void)pin;
        (void)len;
        return CKR_PIN_LOCKED;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
        static CK_FUNCTION_LIST functions = {
                .version = { 2, 40 },
                .C_Initialize = done,
                .C_Finalize = done,
                .C_GetInfo = get_info,
                .C_GetFunctionList = C_GetFunctionList,
                .C_GetSlotList = slot_list,
                .C_GetTokenInfo = token_info,
                .C_OpenSession = open_session,
                .C_CloseSession = close_session,
                .C_Login = login,
        };

        *list = &functions;
        return CKR_OK;
}
