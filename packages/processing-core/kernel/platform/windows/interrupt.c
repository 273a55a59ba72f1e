/* Windows: Ctrl-C and Ctrl-Break. The system runs a process's console handlers in a new thread; the one of the C library
 * calls the handler of `signal`, such as Python's. Ours is called before it and only says that it will be called: who
 * sleeps in the main thread then waits for the end of the new thread, after which the handlers have run. */
#include "platform/windows/system.h"

static struct {
    word32 begun;
    DWORD main_thread;
    HANDLE event;  /* auto-reset */
    word64 thread; /* a handle of the thread that runs the handlers, 0: none */
} interrupts;

static BOOL WINAPI note(DWORD kind)
{
    if (kind != CTRL_C_EVENT && kind != CTRL_BREAK_EVENT) return FALSE;
    HANDLE thread = OpenThread(SYNCHRONIZE, FALSE, GetCurrentThreadId());
    HANDLE before = (HANDLE)(uintptr_t)exchange(&interrupts.thread, (uint64_t)(uintptr_t)thread);
    if (before) CloseHandle(before);
    SetEvent(interrupts.event);
    return FALSE; /* the next handler */
}

/* Called first by the thread that loads the kernel: Python's main thread. */
static void begin(void)
{
    interrupts.main_thread = GetCurrentThreadId();
    interrupts.event = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (interrupts.event) SetConsoleCtrlHandler(note, TRUE);
}

__attribute__((constructor)) static void begin_once(void)
{
    if (exchange(&interrupts.begun, 1) == 0) begin();
}

void interrupts_first(void)
{
    SetConsoleCtrlHandler(note, FALSE);
    SetConsoleCtrlHandler(note, TRUE);
}

#define LONGEST_HANDLER 1000 /* ms; a handler that takes longer is seen at the next wait */

static void await_handlers(void)
{
    HANDLE thread = (HANDLE)(uintptr_t)exchange(&interrupts.thread, 0);
    if (!thread) return;
    WaitForSingleObject(thread, LONGEST_HANDLER);
    CloseHandle(thread);
}

static DWORD milliseconds(int64_t deadline_ns)
{
    int64_t left = deadline_ns - monotonic_ns();
    if (left <= 0) return 0;
    return left > 3600000000000ll ? 3600000 : (DWORD)((left + 999999) / 1000000);
}

DWORD wait_until(HANDLE h, int64_t deadline_ns)
{
    HANDLE handles[2] = {h, interrupts.event};
    DWORD n = interrupts.event && GetCurrentThreadId() == interrupts.main_thread ? 2 : 1, result;
    do result = WaitForMultipleObjects(n, handles, FALSE, milliseconds(deadline_ns));
    while (result == WAIT_TIMEOUT && monotonic_ns() < deadline_ns);
    if (result == WAIT_OBJECT_0 + 1) await_handlers();
    return result;
}
