/* Children by CreateProcess, which inherit the handles that they are given and no others. */
#include "platform/tests/suite.h"
#include "platform/windows/system.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 200000 /* ms; a process that hangs ends then, and its parent's checks fail */

const bool descriptors_are_bounded = false;
const bool messages_carry_any = false;

static DWORD WINAPI end_late(void *unused)
{
    (void)unused;
    Sleep(LONGEST);
    platform_die();
}

/* The keyboard's interrupt reaches all processes of the console; the suite's main process ignores it. */
static BOOL WINAPI ignore(DWORD kind) { return kind == CTRL_C_EVENT; }

static void nothing(int number) { (void)number; }

void prepare_process(void)
{
    bool child = strstr(GetCommandLineA(), "conformance ") == GetCommandLineA();
    /* The handler that was added last is called first: Python adds its own before it loads the kernel. */
    signal(SIGINT, nothing);
    interrupts_first();
    if (!child) SetConsoleCtrlHandler(ignore, TRUE);
    bool counts_threads = child && strstr(GetCommandLineA(), "staying");
    if (!counts_threads) CloseHandle(CreateThread(NULL, 0, end_late, NULL, 0, NULL));
}

static STARTUPINFOEXA with_handles(HANDLE *handles, size_t n)
{
    STARTUPINFOEXA start = {.StartupInfo.cb = sizeof start};
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    start.lpAttributeList = malloc(size);
    CHECK(InitializeProcThreadAttributeList(start.lpAttributeList, 1, 0, &size));
    CHECK(UpdateProcThreadAttribute(start.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                    n * sizeof *handles, NULL, NULL));
    return start;
}

static void inheritable(HANDLE *handles, size_t n, DWORD flag)
{
    for (size_t i = 0; i < n; i++) CHECK(SetHandleInformation(handles[i], HANDLE_FLAG_INHERIT, flag));
}

struct child child_start(const char *role, int n, const int *inherited)
{
    char program[MAX_PATH], line[400];
    HANDLE handles[8] = {handle_of(memory)};
    size_t count = 1;
    GetModuleFileNameA(NULL, program, sizeof program);
    int at = snprintf(line, sizeof line, "conformance %s %d %llu", role, memory, (unsigned long long)memory_size);
    for (int i = 0; i < n; i++) {
        at += snprintf(line + at, sizeof line - (size_t)at, " %d", inherited[i]);
        handles[count++] = handle_of(inherited[i]);
    }
    STARTUPINFOEXA start = with_handles(handles, count);
    PROCESS_INFORMATION started = {0};
    inheritable(handles, count, HANDLE_FLAG_INHERIT);
    CHECK(CreateProcessA(program, line, NULL, NULL, TRUE, EXTENDED_STARTUPINFO_PRESENT, NULL, NULL, &start.StartupInfo,
                         &started));
    inheritable(handles, count, 0);
    DeleteProcThreadAttributeList(start.lpAttributeList);
    free(start.lpAttributeList);
    struct child c = {.pid = started.dwProcessId, .sentinel = platform_sentinel(started.dwProcessId)};
    CHECK(c.sentinel > 2);
    CloseHandle(started.hThread);
    CloseHandle(started.hProcess);
    return c;
}

bool child_ends(struct child *c) { return platform_doorbell_sleep(c->sentinel, SOON) & DOORBELL_READABLE; }

int child_collect(struct child *c)
{
    DWORD code = 0;
    if (!GetExitCodeProcess(handle_of(c->sentinel), &code)) return -1;
    platform_close(c->sentinel);
    return code == (DWORD)KILLED_CODE ? KILLED : (int)code;
}

int child_killed(struct child *c)
{
    platform_kill(c->pid);
    return child_ends(c) ? child_collect(c) : -1;
}

void child_interrupt(struct child *c)
{
    (void)c; /* the only child at that time */
    CHECK(GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0));
}
