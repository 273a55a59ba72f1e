/* Windows: a read of no bytes, which fails when the pipe hangs up; a thread of the system's pool waits for that. */
#include "platform/windows/system.h"

static void CALLBACK die(void *unused, BOOLEAN timed_out)
{
    (void)unused, (void)timed_out;
    TerminateProcess(GetCurrentProcess(), KILLED_CODE);
}

bool platform_die_with(int reading)
{
    static OVERLAPPED forever; /* a process has one lifeline */
    HANDLE wait;
    char byte;
    forever.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!forever.hEvent) return failed(), false;
    if (!ReadFile(handle_of(reading), &byte, 0, NULL, &forever)) {
        if (GetLastError() == ERROR_BROKEN_PIPE) platform_die();
        if (GetLastError() != ERROR_IO_PENDING) return failed(), false;
    }
    if (RegisterWaitForSingleObject(&wait, forever.hEvent, die, NULL, INFINITE, WT_EXECUTEONLYONCE)) return true;
    return failed(), false;
}
