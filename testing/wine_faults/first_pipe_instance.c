/* CreateNamedPipe with FILE_FLAG_FIRST_PIPE_INSTANCE fails with ERROR_ACCESS_DENIED where the name is taken; Wine 8.0
 * ignores the flag. Prints "as documented" or the fault. */
#include <stdio.h>
#include <windows.h>

static HANDLE make(void)
{
    return CreateNamedPipeA("\\\\.\\pipe\\wine-fault-first", PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE, 0,
                            PIPE_UNLIMITED_INSTANCES, 0, 0, 0, NULL);
}

int main(void)
{
    HANDLE first = make(), second = make();
    DWORD error = GetLastError();
    if (first == INVALID_HANDLE_VALUE) return 2;
    if (second == INVALID_HANDLE_VALUE && error == ERROR_ACCESS_DENIED) return puts("as documented"), 0;
    return puts("fault: a second first instance was made"), 1;
}
