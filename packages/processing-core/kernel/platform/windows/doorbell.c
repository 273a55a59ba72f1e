/* Windows: a byte in a named pipe, of which only this process and those that inherit its handles know the name. What
 * waits for it reads no bytes: that ends when there is one, or when no writer is left. */
#include "platform/windows/system.h"

#include <stdio.h>

bool platform_doorbell_make(int ends[2])
{
    wchar_t name[96];
    swprintf(name, 96, L"\\\\.\\pipe\\processing-%lx-%016llx", GetCurrentProcessId(),
             (unsigned long long)platform_random());
    HANDLE reading = CreateNamedPipeW(name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                                      PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1, 64, 64, 0, NULL);
    if (reading == INVALID_HANDLE_VALUE) return failed(), false;
    HANDLE writing =
        CreateFileW(name, GENERIC_WRITE | FILE_READ_ATTRIBUTES, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (writing == INVALID_HANDLE_VALUE) {
        failed();
        CloseHandle(reading);
        return false;
    }
    ends[0] = descriptor_of(reading);
    ends[1] = descriptor_of(writing);
    return true;
}

/* The event of an overlapped operation. Its lowest bit set, the operation is not told to a completion port that another
 * owner of the handle may have attached. */
static HANDLE new_event(OVERLAPPED *o)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    o->hEvent = (HANDLE)((uintptr_t)event | 1);
    return event;
}

/* ERROR_SUCCESS, or why the operation failed; one that does not end at once is given up. */
static DWORD end_at_once(HANDLE pipe, OVERLAPPED *o, BOOL done, DWORD *n)
{
    DWORD error = done ? ERROR_SUCCESS : GetLastError();
    if (error != ERROR_IO_PENDING) return error;
    CancelIoEx(pipe, o);
    return GetOverlappedResult(pipe, o, n, TRUE) ? ERROR_SUCCESS : GetLastError();
}

static DWORD write_bytes(int writing, DWORD size)
{
    OVERLAPPED o = {0};
    DWORD n = 0;
    HANDLE event = new_event(&o);
    DWORD error = end_at_once(handle_of(writing), &o, WriteFile(handle_of(writing), "", size, &n, &o), &n);
    if (event) CloseHandle(event);
    return error;
}

void platform_doorbell_ring(int writing)
{
    int saved = errno;
    write_bytes(writing, 1);
    errno = saved;
}

const char platform_doorbell_place[] = "a pipe's reading end";

bool platform_doorbell_ring_own(int reading)
{
    (void)reading;
    errno = ENOSYS;
    return false;
}

bool platform_doorbell_rings_own(int reading)
{
    (void)reading;
    return false;
}

static DWORD bytes_there(int reading)
{
    DWORD n = 0;
    return PeekNamedPipe(handle_of(reading), NULL, 0, NULL, &n, NULL) ? n : 0;
}

/* A read shows that the writers are gone only when nothing is left. */
static bool hung_up(int reading) { return pipe_state(reading) == PIPE_CLOSING; }

void platform_doorbell_drain(int reading)
{
    char bytes[64];
    if (GetFileType(handle_of(reading)) != FILE_TYPE_PIPE) {
        ResetEvent(handle_of(reading));
        return;
    }
    while (bytes_there(reading)) {
        OVERLAPPED o = {0};
        DWORD n = 0;
        HANDLE event = new_event(&o);
        DWORD error =
            end_at_once(handle_of(reading), &o, ReadFile(handle_of(reading), bytes, sizeof bytes, &n, &o), &n);
        if (event) CloseHandle(event);
        if (error != ERROR_SUCCESS) return;
    }
}

static int sleep_at_pipe(int reading, int64_t deadline_ns)
{
    OVERLAPPED o = {0};
    DWORD n = 0;
    char byte;
    int result = 0;
    HANDLE event = new_event(&o);
    BOOL done = ReadFile(handle_of(reading), &byte, 0, &n, &o);
    DWORD error = done ? ERROR_SUCCESS : GetLastError();
    if (error == ERROR_IO_PENDING) {
        if (wait_until(event, deadline_ns) == WAIT_OBJECT_0 + 1) result = DOORBELL_INTERRUPTED;
        error = end_at_once(handle_of(reading), &o, FALSE, &n);
        if (error == ERROR_IO_PENDING) error = ERROR_SUCCESS;
    }
    if (event) CloseHandle(event);
    if (error == ERROR_BROKEN_PIPE) return DOORBELL_HUNG_UP;
    if (bytes_there(reading)) return DOORBELL_READABLE | (hung_up(reading) ? DOORBELL_HUNG_UP : 0);
    return error == ERROR_INVALID_HANDLE ? DOORBELL_CLOSED : result;
}

/* What is no pipe is an observer's event, or a process. */
int platform_doorbell_sleep(int reading, int64_t deadline_ns)
{
    if (GetFileType(handle_of(reading)) == FILE_TYPE_PIPE) return sleep_at_pipe(reading, deadline_ns);
    switch (wait_until(handle_of(reading), deadline_ns)) {
    case WAIT_OBJECT_0: return DOORBELL_READABLE;
    case WAIT_OBJECT_0 + 1: return DOORBELL_INTERRUPTED;
    case WAIT_TIMEOUT: return 0;
    default: return DOORBELL_CLOSED;
    }
}

/* To write no bytes fails if no process can read them. */
bool platform_doorbell_no_readers(int writing, int reading)
{
    return write_bytes(writing, 0) != ERROR_SUCCESS || (reading >= 0 && hung_up(reading));
}
