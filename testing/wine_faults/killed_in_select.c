/* The other end of a connection is told when its process ends. Wine 8.0 keeps
 * the connection of a process that is terminated while a thread is within
 * select(). Prints how many of 40 ends the other side was told of within a second.
 */
#include <stdio.h>
#include <winsock2.h>

int main(int argc, char **argv)
{
    WSADATA data;
    struct sockaddr_in address = {AF_INET, argc == 2 ? htons(atoi(argv[1])) : 0, {{{127, 0, 0, 1}}}};
    int size = sizeof address, told = 0, rounds = 0;
    WSAStartup(0x202, &data);
    SOCKET one = socket(AF_INET, SOCK_STREAM, 0);
    if (argc == 2) {
        connect(one, (void *)&address, size);
        for (send(one, "a", 1, 0);;) select(0, &(fd_set){1, {one}}, NULL, NULL, &(struct timeval){0, 0});
    }
    bind(one, (void *)&address, size), listen(one, 1), getsockname(one, (void *)&address, &size);
    for (char byte, command[600]; rounds < 40; rounds++) {
        PROCESS_INFORMATION child;
        sprintf(command, "\"%s\" %d", argv[0], ntohs(address.sin_port));
        CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &(STARTUPINFOA){.cb = sizeof(STARTUPINFOA)},
                       &child);
        SOCKET connection = accept(one, NULL, NULL);
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, (char *)&(DWORD){1000}, sizeof(DWORD));
        recv(connection, &byte, 1, 0);
        TerminateProcess(child.hProcess, 9);
        told += recv(connection, &byte, 1, 0) == 0 || WSAGetLastError() == WSAECONNRESET;
        closesocket(connection), CloseHandle(child.hProcess), CloseHandle(child.hThread);
    }
    return printf("told of %d of %d ends\n", told, rounds), told != rounds;
}
