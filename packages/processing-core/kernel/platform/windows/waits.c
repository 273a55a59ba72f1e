/* Windows: registered waits, for which threads of the system's pool wait.
 *
 * One of these threads pushes the wait that is over onto a list, and sends a byte if the list was empty.  So few bytes
 * are on their way, and none is lost: the thread that receives them takes the whole list afterwards. */
#include "platform/windows/system.h"

#include <stdlib.h>
#include <string.h>

/* What <winsock2.h> has, whose library only programs with sockets load. */
enum { FD_READ_ = 1, FD_WRITE_ = 2, FD_ACCEPT_ = 8, FD_CLOSE_ = 32 };
typedef int(WINAPI *send_function)(uintptr_t socket, const char *bytes, int n, int flags);
typedef int(WINAPI *select_function)(uintptr_t socket, HANDLE event, long events);

enum kind { OBJECT, PIPE, SOCKET_ };

struct wait {
    struct platform_waits *set;
    struct wait *_Atomic next; /* in the list of those that are over */
    HANDLE event, registration;
    uint64_t number;
    OVERLAPPED read; /* a pipe's: of no bytes */
    int fd;
    enum kind kind;
    bool given_up;
};

struct platform_waits {
    struct wait *_Atomic over; /* pushed by the pool's threads */
    struct wait *taken;
    struct wait **table; /* by number - 1; NULL: free */
    size_t room, next;
    send_function send;
    select_function select;
    uintptr_t socket;
};

struct platform_waits *platform_waits_make(int socket)
{
    HMODULE library = GetModuleHandleW(L"ws2_32.dll");
    struct platform_waits *waits = library ? calloc(1, sizeof *waits) : NULL;
    if (!waits) return errno = library ? ENOMEM : ENOSYS, NULL;
    waits->send = (send_function)(void *)GetProcAddress(library, "send");
    waits->select = (select_function)(void *)GetProcAddress(library, "WSAEventSelect");
    waits->socket = (uintptr_t)socket;
    return waits;
}

static void CALLBACK tell(void *argument, BOOLEAN timed_out)
{
    struct wait *wait = argument;
    struct platform_waits *set = wait->set;
    struct wait *first = atomic_load(&set->over);
    (void)timed_out;
    do atomic_store(&wait->next, first);
    while (!atomic_compare_exchange_weak(&set->over, &first, wait));
    if (!first) set->send(set->socket, "", 1, 0);
}

/* A place of the table: its number, or 0. */
static uint64_t place(struct platform_waits *waits)
{
    for (size_t i = 0; i < waits->room; i++) {
        size_t at = (waits->next + i) % waits->room;
        if (!waits->table[at]) return waits->next = at + 1, at + 1;
    }
    size_t room = waits->room ? 2 * waits->room : 64;
    struct wait **table = realloc(waits->table, room * sizeof *table);
    if (!table) return errno = ENOMEM, 0;
    memset(table + waits->room, 0, (room - waits->room) * sizeof *table);
    waits->next = waits->room + 1;
    waits->table = table;
    waits->room = room;
    return waits->next;
}

/* The event of a pipe or socket that is set when it is ready. */
static bool ask(struct wait *wait, long events)
{
    char byte;
    wait->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!wait->event) return false;
    if (wait->kind == SOCKET_) {
        if (wait->set->select((uintptr_t)wait->fd, wait->event, events) == 0) return true;
        return SetLastError(ERROR_INVALID_HANDLE), false;
    }
    wait->read.hEvent = (HANDLE)((uintptr_t)wait->event | 1); /* see doorbell.c */
    if (ReadFile(handle_of(wait->fd), &byte, 0, NULL, &wait->read)) return true;
    DWORD error = GetLastError();
    if (error == ERROR_IO_PENDING) return true;
    if (error == ERROR_INVALID_HANDLE || error == ERROR_ACCESS_DENIED) return false;
    wait->read.Internal = 0;
    return SetEvent(wait->event); /* it has hung up */
}

static bool open_event(struct wait *wait, long events)
{
    HANDLE me = GetCurrentProcess();
    if (GetFileType(handle_of(wait->fd)) != FILE_TYPE_PIPE)
        return DuplicateHandle(me, handle_of(wait->fd), me, &wait->event, SYNCHRONIZE, FALSE, 0);
    wait->kind = pipe_state(wait->fd) == NO_PIPE ? SOCKET_ : PIPE;
    return ask(wait, events);
}

/* Returns when no thread of the pool serves it any more: such a thread waits for nothing. */
static void stop(struct wait *wait)
{
    if (wait->registration) UnregisterWaitEx(wait->registration, INVALID_HANDLE_VALUE);
    wait->registration = NULL;
    if (wait->kind == SOCKET_) wait->set->select((uintptr_t)wait->fd, NULL, 0);
}

/* After it was stopped. */
static void free_wait(struct wait *wait)
{
    DWORD n;
    if (wait->kind == PIPE && !HasOverlappedIoCompleted(&wait->read)) {
        /* If the handle is closed here, and the pipe open elsewhere, the system still writes into the operation. */
        if (!CancelIoEx(handle_of(wait->fd), &wait->read) && !HasOverlappedIoCompleted(&wait->read)) return;
        GetOverlappedResult(handle_of(wait->fd), &wait->read, &n, TRUE);
    }
    if (wait->event) CloseHandle(wait->event);
    free(wait);
}

uint64_t platform_waits_begin(struct platform_waits *waits, int fd, bool readable, bool writable)
{
    uint64_t number = place(waits);
    struct wait *wait = number ? calloc(1, sizeof *wait) : NULL;
    if (!wait) return errno = ENOMEM, 0;
    wait->set = waits;
    wait->fd = fd;
    wait->number = number;
    long events = FD_CLOSE_ | (readable ? FD_READ_ | FD_ACCEPT_ : 0) | (writable ? FD_WRITE_ : 0);
    if (fd > 0 && open_event(wait, events)
        && RegisterWaitForSingleObject(&wait->registration, wait->event, tell, wait, INFINITE, WT_EXECUTEONLYONCE)) {
        waits->table[number - 1] = wait;
        return number;
    }
    if (fd <= 0) SetLastError(ERROR_INVALID_HANDLE);
    int error = (failed(), errno);
    stop(wait);
    free_wait(wait);
    return errno = error, 0;
}

uint64_t platform_waits_take(struct platform_waits *waits)
{
    for (;;) {
        struct wait *wait = waits->taken;
        if (!wait) wait = atomic_exchange(&waits->over, NULL);
        if (!wait) return 0;
        waits->taken = atomic_load(&wait->next);
        uint64_t number = wait->given_up ? 0 : wait->number;
        if (number) {
            waits->table[number - 1] = NULL;
            stop(wait);
        }
        free_wait(wait);
        if (number) return number;
    }
}

static bool is_over(struct platform_waits *waits, struct wait *wait)
{
    for (struct wait *w = waits->taken; w; w = atomic_load(&w->next))
        if (w == wait) return true;
    for (struct wait *w = atomic_load(&waits->over); w; w = atomic_load(&w->next))
        if (w == wait) return true;
    return false;
}

void platform_waits_end(struct platform_waits *waits, uint64_t number)
{
    struct wait *wait = number - 1 < waits->room ? waits->table[number - 1] : NULL;
    if (!wait) return;
    waits->table[number - 1] = NULL;
    stop(wait);
    if (is_over(waits, wait)) wait->given_up = true;
    else free_wait(wait);
}

void platform_waits_free(struct platform_waits *waits)
{
    for (size_t i = 0; i < waits->room; i++) platform_waits_end(waits, i + 1);
    platform_waits_take(waits); /* only those that were given up are left */
    free(waits->table);
    free(waits);
}
