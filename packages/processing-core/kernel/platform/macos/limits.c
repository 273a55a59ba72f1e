/* macOS: getpriority(2), getrlimit(2); a process cannot be kept from a processor. */
#include "platform/posix/system.h"

#include <string.h>
#include <sys/resource.h>

struct limits {
    int64_t nice;
    struct rlimit resources[RLIM_NLIMITS];
};
_Static_assert(sizeof(struct limits) <= sizeof(struct platform_limits), "the contract has room for it");

static bool read_limits(struct limits *l)
{
    memset(l, 0, sizeof *l);
    errno = 0;
    l->nice = getpriority(PRIO_PROCESS, 0);
    if (errno) return false;
    for (int i = 0; i < RLIM_NLIMITS; i++)
        if (getrlimit(i, &l->resources[i]) < 0 && errno != EINVAL) return false;
    return true;
}

bool platform_limits_read(struct platform_limits *limits)
{
    struct limits l;
    if (!read_limits(&l)) return false;
    memset(limits, 0, sizeof *limits);
    memcpy(limits, &l, sizeof l);
    return true;
}

bool platform_limits_apply(const struct platform_limits *limits)
{
    struct limits wanted, present;
    memcpy(&wanted, limits, sizeof wanted);
    if (!read_limits(&present)) return false;
    if (wanted.nice != present.nice && setpriority(PRIO_PROCESS, 0, (int)wanted.nice) < 0) return false;
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        const struct rlimit *resource = &wanted.resources[i];
        if (memcmp(resource, &present.resources[i], sizeof *resource) != 0 && setrlimit(i, resource) < 0) return false;
    }
    return true;
}
