/* Windows: the priority class and the processors; limits of jobs hold for children by themselves. */
#include "platform/windows/system.h"

#include <string.h>

bool platform_limits_read(struct platform_limits *limits)
{
    DWORD_PTR mine, all;
    memset(limits, 0, sizeof *limits);
    if (!GetProcessAffinityMask(GetCurrentProcess(), &mine, &all)) return failed(), false;
    limits->words[0] = GetPriorityClass(GetCurrentProcess());
    limits->words[1] = mine;
    return true;
}

bool platform_limits_apply(const struct platform_limits *limits)
{
    struct platform_limits present;
    HANDLE me = GetCurrentProcess();
    if (!platform_limits_read(&present)) return false;
    bool done = (limits->words[0] == present.words[0] || SetPriorityClass(me, (DWORD)limits->words[0]))
             && (limits->words[1] == present.words[1] || SetProcessAffinityMask(me, (DWORD_PTR)limits->words[1]));
    if (!done) failed();
    return done;
}
