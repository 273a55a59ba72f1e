/* Windows: errors of the system as numbers of C. */
#include "platform/windows/system.h"

int error_number(DWORD error)
{
    static const struct {
        DWORD error;
        int number;
    } known[] = {
        {ERROR_INVALID_HANDLE, EBADF},
        {ERROR_ACCESS_DENIED, EACCES},
        {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
        {ERROR_OUTOFMEMORY, ENOMEM},
        {ERROR_COMMITMENT_LIMIT, ENOMEM},
        {ERROR_TOO_MANY_OPEN_FILES, EMFILE},
        {ERROR_NO_SYSTEM_RESOURCES, ENFILE},
        {ERROR_ALREADY_EXISTS, EADDRINUSE},
        {ERROR_FILE_NOT_FOUND, ENOENT},
        {ERROR_BROKEN_PIPE, EPIPE},
        {ERROR_NO_DATA, EPIPE},
        {ERROR_NOT_ENOUGH_QUOTA, ENOMEM},
        {ERROR_CALL_NOT_IMPLEMENTED, ENOSYS},
        {ERROR_NOT_SUPPORTED, ENOSYS},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].error == error) return known[i].number;
    return EINVAL;
}

int failed(void)
{
    errno = error_number(GetLastError());
    return -1;
}
