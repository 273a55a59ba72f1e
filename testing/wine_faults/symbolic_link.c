/* CreateSymbolicLink makes a link by which its target is opened, or fails. Wine 8.0 says that it has made one, and makes
 * none. Prints "as documented" or the fault. */
#include <stdio.h>
#include <windows.h>

int main(void)
{
    fclose(fopen("wine-fault-target", "w"));
    DWORD unprivileged = 2; /* SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE */
    BOOL made = CreateSymbolicLinkA("wine-fault-link", "wine-fault-target", unprivileged);
    FILE *opened = fopen("wine-fault-link", "r");
    if (opened) fclose(opened);
    DeleteFileA("wine-fault-link"), DeleteFileA("wine-fault-target");
    if (!made || opened) return puts("as documented"), 0;
    return puts("fault: the link is said to be made, and is not there"), 1;
}
