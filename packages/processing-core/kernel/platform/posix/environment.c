/* POSIX: environ(7). */
#include "platform/posix/system.h"

extern char **environ;

char **platform_environment(void) { return environ; }
