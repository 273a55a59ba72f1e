/* POSIX: nothing shows life by itself, so (pid, start time) decides. A token is a bound socket: its name is in use until
 * the last copy of the descriptor is closed. Datagrams that are sent there are never read. */
#include "platform/posix/socket_file.h"

const bool platform_life_shown = false;

bool platform_life_hold(int memory, uint32_t slot)
{
    (void)memory, (void)slot;
    return true;
}

bool platform_life_held(int memory, uint32_t slot)
{
    (void)memory, (void)slot;
    return false;
}

int platform_token_make(int memory, struct platform_family *family, uint32_t slot)
{
    (void)memory;
    struct sockaddr_un a;
    socklen_t size = posix_socket_address(&a, family, 't', 0, slot);
    return posix_socket_bind(&a, size);
}

bool platform_token_held(int memory, const struct platform_family *family, uint32_t slot)
{
    (void)memory;
    struct sockaddr_un a;
    socklen_t size = posix_socket_address(&a, family, 't', 0, slot);
    return size && posix_socket_bound(&a, size);
}
