/* A program that ends at once is started 20,000 times by four threads. Wine 8.0
 * fails to start it now and then, with ERROR_INTERNAL_ERROR, 1359: the new
 * process has ended before it has told that it runs. Prints how often. */
#include <stdio.h>
#include <windows.h>

static LONG failed;

static DWORD WINAPI start(void *program)
{
    for (int i = 0; i < 5000; i++) {
        char command[600];
        STARTUPINFOA startup = {.cb = sizeof startup};
        PROCESS_INFORMATION child;
        sprintf(command, "\"%s\" ends", (char *)program);
        if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child)) {
            printf("error %lu\n", GetLastError());
            InterlockedIncrement(&failed);
            continue;
        }
        WaitForSingleObject(child.hProcess, INFINITE);
        CloseHandle(child.hProcess), CloseHandle(child.hThread);
    }
    return 0;
}

int main(int argc, char **argv)
{
    HANDLE threads[4];
    if (argc == 2) return 0;
    for (int i = 0; i < 4; i++) threads[i] = CreateThread(NULL, 0, start, argv[0], 0, NULL);
    WaitForMultipleObjects(4, threads, TRUE, INFINITE);
    return printf("%ld of 20000 starts failed\n", failed), failed != 0;
}
