/* Windows: handles of processes; the time of its creation tells a process from another with its pid. */
#include "platform/windows/system.h"

#include <tlhelp32.h>

uint64_t platform_pid(void) { return GetCurrentProcessId(); }

static HANDLE open_process(uint64_t pid, DWORD rights) { return OpenProcess(rights, FALSE, (DWORD)pid); }

static uint64_t creation_time(HANDLE process)
{
    FILETIME created, others;
    if (!GetProcessTimes(process, &created, &others, &others, &others)) return 0;
    return (uint64_t)created.dwHighDateTime << 32 | created.dwLowDateTime;
}

static bool ended(HANDLE process) { return WaitForSingleObject(process, 0) == WAIT_OBJECT_0; }

uint64_t platform_start_time(uint64_t pid)
{
    HANDLE process = open_process(pid, PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE);
    if (!process) return 0;
    uint64_t time = ended(process) ? 0 : creation_time(process);
    CloseHandle(process);
    return time;
}

bool platform_process_runs(uint64_t pid, uint64_t start_time)
{
    HANDLE process = open_process(pid, PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE);
    if (!process) return GetLastError() != ERROR_INVALID_PARAMETER; /* there is no such process */
    uint64_t time = creation_time(process);
    bool runs = !ended(process) && (time == 0 || start_time == 0 || time == start_time);
    CloseHandle(process);
    return runs;
}

/* Every right over it that this process may have: the sentinel also ends it, and tells its exit code. */
int platform_sentinel(uint64_t pid)
{
    HANDLE process =
        open_process(pid, SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_TERMINATE | PROCESS_DUP_HANDLE);
    if (!process) process = open_process(pid, SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION);
    if (process && !ended(process)) return descriptor_of(process);
    if (process) { /* a handle of it is open somewhere: there are no zombies, so it is gone */
        CloseHandle(process);
        SetLastError(ERROR_INVALID_PARAMETER);
    }
    errno = GetLastError() == ERROR_INVALID_PARAMETER ? ESRCH : error_number(GetLastError());
    return -1;
}

int64_t platform_fork(void)
{
    errno = ENOSYS;
    return -1;
}

void platform_run_fork_handlers(void) {}

void platform_kill(uint64_t pid)
{
    HANDLE process = open_process(pid, PROCESS_TERMINATE);
    if (!process) return;
    TerminateProcess(process, KILLED_CODE);
    CloseHandle(process);
}

_Noreturn void platform_die(void)
{
    TerminateProcess(GetCurrentProcess(), KILLED_CODE);
    for (;;) Sleep(INFINITE);
}

bool platform_single_threaded(void)
{
    HANDLE threads = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    if (threads == INVALID_HANDLE_VALUE) return false;
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    int n = 0;
    for (BOOL more = Thread32First(threads, &entry); more; more = Thread32Next(threads, &entry))
        n += entry.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(threads);
    return n == 1;
}
