/* A process that crashes where no debugger is asked for ends at once; Wine 8.0 starts its own first, which takes some
 * seconds, though WINEDLLOVERRIDES has winedbg disabled. Prints how long a child took that ended, and one that crashed. */
#include <stdio.h>
#include <windows.h>

int main(int argc, char **argv)
{
    if (argc == 2) return argv[1][0] == 'e' ? 0 : *(volatile int *)NULL;
    for (int i = 0; i < 2; i++) {
        char command[1024], *kinds[2] = {"ends", "crashes"};
        STARTUPINFOA startup = {.cb = sizeof startup};
        PROCESS_INFORMATION child;
        snprintf(command, sizeof command, "\"%s\" %s", argv[0], kinds[i]);
        DWORD begin = GetTickCount();
        if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &child)) return 2;
        WaitForSingleObject(child.hProcess, INFINITE);
        printf("%s: %lu ms\n", kinds[i], GetTickCount() - begin);
    }
    return 0;
}
